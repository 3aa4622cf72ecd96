-- The seven tables in SQL for DuckDB alone, from tables named like the files; as of 2026-11-23.
CREATE TABLE ORDERS_OUT AS
SELECT o.order_id, o.customer_id, o.order_date, o.status,
       p.credit_card_amount, p.coupon_amount, p.bank_transfer_amount, p.gift_card_amount, p.amount
FROM orders o LEFT JOIN (
  SELECT order_id,
         sum(CASE WHEN payment_method = 'credit_card' THEN amount ELSE 0 END)::DECIMAL(38,2) * 0.01 AS credit_card_amount,
         sum(CASE WHEN payment_method = 'coupon' THEN amount ELSE 0 END)::DECIMAL(38,2) * 0.01 AS coupon_amount,
         sum(CASE WHEN payment_method = 'bank_transfer' THEN amount ELSE 0 END)::DECIMAL(38,2) * 0.01 AS bank_transfer_amount,
         sum(CASE WHEN payment_method = 'gift_card' THEN amount ELSE 0 END)::DECIMAL(38,2) * 0.01 AS gift_card_amount,
         sum(amount)::DECIMAL(38,2) * 0.01 AS amount
  FROM payments GROUP BY order_id) p USING (order_id);

CREATE TABLE CUSTOMERS_OUT AS
SELECT c.*, o.first_order, o.most_recent_order, o.number_of_orders, o.customer_lifetime_value
FROM customers c LEFT JOIN (
  SELECT customer_id, min(order_date) AS first_order, max(order_date) AS most_recent_order,
         count(*) AS number_of_orders, sum(amount) AS customer_lifetime_value
  FROM ORDERS_OUT GROUP BY customer_id) o USING (customer_id);

CREATE TABLE CUSTOMER_REVENUE_BY_MONTH_OUT AS
WITH paid AS (
  SELECT customer_id, month::DATE AS date_month, sum(monthly_amount) AS mrr
  FROM (SELECT customer_id, monthly_amount, unnest(generate_series(date_trunc('month', start_date),
               least(date_trunc('month', coalesce(end_date, DATE '2026-11-01')), DATE '2026-11-01') - INTERVAL 1 MONTH,
               INTERVAL 1 MONTH)) AS month
        FROM subscription_periods)
  GROUP BY ALL),
life AS (
  SELECT customer_id, min(date_month) AS first_active_month, max(date_month) AS last_active_month
  FROM paid WHERE mrr > 0 GROUP BY customer_id),
months AS (
  SELECT *, unnest(generate_series(first_active_month, last_active_month, INTERVAL 1 MONTH))::DATE AS date_month FROM life)
SELECT m.date_month, m.customer_id, coalesce(p.mrr, 0) AS mrr, coalesce(p.mrr, 0) > 0 AS is_active,
       m.first_active_month, m.last_active_month,
       m.date_month = m.first_active_month AS is_first_month, m.date_month = m.last_active_month AS is_last_month
FROM months m LEFT JOIN paid p ON p.customer_id = m.customer_id AND p.date_month = m.date_month;

CREATE TABLE CUSTOMER_CHURN_MONTH_OUT AS
SELECT (last_active_month + INTERVAL 1 MONTH)::DATE AS date_month, customer_id, 0::DECIMAL(28,9) AS mrr,
       false AS is_active, first_active_month, last_active_month, false AS is_first_month, false AS is_last_month
FROM CUSTOMER_REVENUE_BY_MONTH_OUT r WHERE is_last_month AND NOT EXISTS (
  SELECT 1 FROM subscription_periods p WHERE p.customer_id = r.customer_id AND p.monthly_amount > 0
  AND date_trunc('month', p.start_date) <= r.last_active_month + INTERVAL 1 MONTH
  AND (p.end_date IS NULL OR date_trunc('month', p.end_date) > r.last_active_month + INTERVAL 1 MONTH));

CREATE TABLE MRR_OUT AS
SELECT *, mrr - previous_month_mrr AS mrr_change, least(mrr, previous_month_mrr) AS renewal_amount,
       CASE WHEN is_first_month THEN 'new' WHEN NOT is_active AND previous_month_is_active THEN 'churn'
            WHEN is_active AND NOT previous_month_is_active THEN 'reactivation'
            WHEN mrr > previous_month_mrr THEN 'upgrade' WHEN mrr < previous_month_mrr THEN 'downgrade' END AS change_category
FROM (SELECT customer_id || '-' || strftime(date_month, '%Y-%m') AS id, *,
             coalesce(lag(is_active) OVER w, false) AS previous_month_is_active,
             coalesce(lag(mrr) OVER w, 0) AS previous_month_mrr
      FROM (FROM CUSTOMER_REVENUE_BY_MONTH_OUT UNION ALL FROM CUSTOMER_CHURN_MONTH_OUT)
      WINDOW w AS (PARTITION BY customer_id ORDER BY date_month));

CREATE TABLE ATTRIBUTION_TOUCHES_OUT AS
WITH t AS (
  SELECT s.*, c.converted_at, c.revenue, count(*) OVER w AS total_sessions,
         row_number() OVER (w ORDER BY s.started_at, s.session_id) AS session_index
  FROM sessions s JOIN customer_conversions c ON s.customer_id = c.customer_id
   AND s.started_at <= c.converted_at AND s.started_at >= c.converted_at - INTERVAL 30 DAY
  WINDOW w AS (PARTITION BY s.customer_id, c.converted_at, c.revenue)),
p AS (
  SELECT *, (session_index = 1)::DOUBLE AS first_touch_points, (session_index = total_sessions)::DOUBLE AS last_touch_points,
         CASE WHEN total_sessions = 1 THEN 1.0 WHEN total_sessions = 2 THEN 0.5
              WHEN session_index IN (1, total_sessions) THEN 0.4 ELSE 0.2 / (total_sessions - 2) END AS forty_twenty_forty_points,
         1.0 / total_sessions AS linear_points FROM t)
SELECT *, first_touch_points * revenue AS first_touch_revenue, last_touch_points * revenue AS last_touch_revenue,
       forty_twenty_forty_points * revenue AS forty_twenty_forty_revenue,
       linear_points * revenue::DOUBLE AS linear_revenue FROM p;

CREATE TABLE CPA_AND_ROAS_OUT AS
SELECT *, nullif(total_spend, 0)::DOUBLE / attribution_points AS cost_per_acquisition,
       attribution_revenue / nullif(total_spend, 0)::DOUBLE AS return_on_advertising_spend
FROM (SELECT date_trunc('month', converted_at)::DATE AS date_month, utm_source, 
             sum(linear_points) AS attribution_points, sum(linear_revenue) AS attribution_revenue
      FROM ATTRIBUTION_TOUCHES_OUT GROUP BY ALL) a
FULL JOIN (SELECT date_trunc('month', date_day)::DATE AS date_month, utm_source, sum(spend) AS total_spend
           FROM ad_spend GROUP BY ALL) s USING (date_month, utm_source);
