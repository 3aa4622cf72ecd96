"""Ask what customers said: answers with citations, in a conversation."""

import pandas as pd
import streamlit as st

from customer_analytics.resources.chat import ChatError, Passage, Turn
from customer_analytics.resources.chat.extractive import content_words
from dashboard import queries
from dashboard.frame import data_up_to, page
from dashboard.passages import source
from dashboard.safe_text import answer_html

PASSAGES = 8
EXAMPLES = ("What breaks most often?", "What do people like about the games?", "What do parents say about safety?")


def search_text(question: str, turns: list[dict]) -> str:
    """What to search for: the question, with the one before it when it says too little on its own."""
    earlier = [t["text"] for t in turns if t["role"] == "user"]
    return f"{earlier[-1]} {question}" if earlier and len(content_words(question)) < 3 else question


def show_turn(number: int, turn: dict) -> None:
    """One turn of the conversation. What customers and models wrote is shown as text, never run."""
    with st.chat_message(turn["role"], avatar=":material/person:" if turn["role"] == "user" else ":material/toys:"):
        if turn["role"] == "user":
            st.text(turn["text"])
            return
        st.html(answer_html(turn["text"], len(turn["passages"]), f"source-{number}"))
        show_sources(number, turn)


def show_sources(number: int, turn: dict) -> None:
    words = content_words(turn["searched"])
    st.html("".join(source(n, p, words, f"source-{number}") for n, p in enumerate(turn["passages"], 1)))


def answer(question: str) -> None:
    """Retrieve, stream the answer, and remember both."""
    turns = st.session_state["turns"]
    searched = search_text(question, turns)
    with st.spinner("Looking through comments and calls …"):
        found = queries.search(searched, "hybrid", queries.Conditions(), PASSAGES).to_dict("records")
    passages = [
        Passage(
            p["id"],
            p["kind"],
            int(p["customer_id"]),
            p["text"],
            None if pd.isna(p["date"]) else str(p["date"])[:10],
            p["sentiment"],
        )
        for p in found
    ]
    history = [Turn(t["role"], t["text"]) for t in turns]
    # Both are kept from the start: who asks on while an answer comes still has what came of it.
    turn = {"role": "assistant", "text": "", "passages": found, "searched": searched}
    turns += [{"role": "user", "text": question}, turn]
    number = len(turns) - 1
    show_turn(number - 1, turns[-2])
    with st.chat_message("assistant", avatar=":material/toys:"):
        place = st.empty()
        try:
            for piece in queries.chat().answer(question, passages, history):
                turn["text"] += piece
                place.html(answer_html(turn["text"], len(found), f"source-{number}"))
        except ChatError as error:
            del turns[-2:]
            st.error(str(error), icon=":material/cloud_off:")
            return
        show_sources(number, turn)


with page("Ask", "A question about what customers said, answered from their own words.", loading=None):
    turns = st.session_state.setdefault("turns", [])
    if turns and not turns[-1]["text"]:
        del turns[-2:]  # interrupted before the first word
    name = queries.chat().name
    with st.container(horizontal=True, vertical_alignment="center"):
        if name == "extractive":
            st.badge("Extractive answers: quotations, no model", icon=":material/format_quote:", color="gray")
        else:
            st.badge(f"Answers by {name}", icon=":material/smart_toy:", color="green")
        if turns and st.button("New conversation", icon=":material/restart_alt:", type="tertiary"):
            turns.clear()
            st.rerun()
    if name == "extractive":
        st.caption("Set OPENAI_API_KEY for written answers.")
    data_up_to(queries.data_up_to("PRED_TWITTER_COMMENTS.date"))
    for position, turn in enumerate(turns):
        show_turn(position, turn)
    question = st.chat_input("Ask what customers said", max_chars=1000, key="question")
    if not turns and not question:
        examples = st.empty()
        question = examples.pills("Examples", EXAMPLES, label_visibility="collapsed", key="example")
        if question:
            examples.empty()
    if question and question.strip():
        answer(question.strip())
