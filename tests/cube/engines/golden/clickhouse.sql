-- cast
SELECT acct, CAST(SUM(n) AS Int64) AS n FROM t GROUP BY acct

-- alias like a column
SELECT acct, CAST(MIN(d) AS Int32) AS d FROM t GROUP BY acct, d

-- count of a bit
SELECT CAST(SUM((bitAnd((bitShiftRight(mask, 3)), 1)) * n) AS Int64) AS shared FROM t

-- bits combined
SELECT acct, groupBitOr(mask) AS mask FROM t GROUP BY acct

-- bits set for the first time
SELECT b.d AS d, b.mask - (bitAnd(b.mask, COALESCE(groupBitOr(b.mask) OVER (PARTITION BY b.acct ORDER BY b.d ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0))) AS first_time FROM t AS b

-- nested bits
SELECT bitShiftRight((bitAnd(mask, 7)), (bitAnd(code, 1))) AS bits FROM t

-- column names of a join
SELECT a.acct AS acct, b.n AS n FROM t AS a JOIN u AS b ON a.acct = b.acct AND a.d = b.d

-- sum so far
SELECT acct, CAST(SUM(COALESCE(n, 0)) OVER (PARTITION BY acct ORDER BY d ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS Int64) AS n FROM t

-- union all
SELECT acct, n FROM t UNION ALL SELECT acct, CAST(0 AS Int64) AS n FROM u

-- cross
SELECT a.acct AS acct, g.age AS age FROM t AS a CROSS JOIN u AS g JOIN c ON c.d = a.d + g.age

-- case
SELECT CASE WHEN n <= 5 THEN 1 ELSE 2 END AS many, h * 100 AS hour FROM t

-- quoted
SELECT "user" AS person FROM t

-- short cast
SELECT CAST(SUM(n) AS Int64) AS n FROM t
