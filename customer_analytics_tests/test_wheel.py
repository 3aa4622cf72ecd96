"""The wheel has everything that the program needs: the image and whoever installs it have no checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_every_file_of_both_packages_is_in_the_wheel(tmp_path: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists() or not (ROOT / ".git").exists():
        pytest.skip("no uv beside this Python (make setup brings it), or no checkout")
    # By itself uv has the build backend of its own version: nothing is downloaded.
    command = [uv, "build", "--wheel", "--offline", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([*command, "--out-dir", str(tmp_path), str(ROOT)], check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    listed = subprocess.run(
        ["git", "ls-files", "customer_analytics", "dashboard"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert set(listed.stdout.split()) <= packed
    assert not [name for name in packed if name.startswith(("customer_analytics_tests", "benchmarks", ".customer"))]
    scripts = zipfile.ZipFile(wheel).read(next(n for n in packed if n.endswith("entry_points.txt"))).decode()
    assert "customer-analytics = customer_analytics.cli:app" in scripts
