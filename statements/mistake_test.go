package statements

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMisspelledKeywords: one word of a statement is misspelled; the finding stands there and says which word was meant.
func TestMisspelledKeywords(t *testing.T) {
	for _, tt := range []struct{ sql, want string }{
		{"SELCT a FROM t", "1:1 SELCT, SELECT"},
		{"SELECT a FORM t", "1:10 FORM, FROM"},
		{"SELECT a FROM t WHER a = 1", "1:17 WHER, WHERE"},
		{"SELECT a FROM t GRUOP BY a", "1:17 GRUOP, GROUP"},
		{"SELECT a FROM t ORDR BY a", "1:17 ORDR, ORDER"},
		{"SELECT a FROM t JION u ON t.a = u.a", "1:17 JION, JOIN"},
		{"SELECT a FROM t INNER JION u ON t.a = u.a", "1:23 JION, JOIN"},
		{"SELECT a FROM t LEFT JION u ON t.a = u.a", "1:22 JION, JOIN"},
		{"SELECT a FROM t JOIN u OM t.a = u.a", "1:24 OM, ON"},
		{"SELECT a FROM t HAVIGN a > 1", "1:17 HAVIGN, HAVING"},
		{"SELECT a FROM t LIMT 3", "1:17 LIMT, LIMIT"},
		{"SELECT a FROM t UNOIN ALL SELECT b FROM u", "1:17 UNOIN, UNION"},
		{"SELECT a FROM t UNION AL SELECT b FROM u", "1:23 AL, ALL"},
		{"SELECT a FROM t WHERE a BETWEN 1 AND 2", "1:25 BETWEN, BETWEEN"},
		{"SELECT a FROM t WHERE a IS NOTT NULL", "1:28 NOTT, NOT"},
		{"SELECT a FROM t WHERE a LKE 'x'", "1:25 LKE, LIKE"},
		{"SELECT a FROM t WHERE a = 1 ADN b = 2", "1:29 ADN, AND"},
		{"SELECT CASE WEHN a THEN b END FROM t", "1:13 WEHN, WHEN"},
		{"SELECT CASE WHEN a THNE b END FROM t", "1:20 THNE, THEN"},
		{"SELECT CASE WHEN a THEN b ESLE c END FROM t", "1:27 ESLE, ELSE"},
		{"SELECT CASE WHEN a THEN b EDN FROM t", "1:27 EDN, END"},
		{"SELECT CAST(a SA INT) FROM t", "1:15 SA, AS"},
		{"SELECT SUM(a) OVR (ORDER BY b) FROM t", "1:15 OVR, OVER"},
		{"SELECT SUM(a) OVER (PARTITON BY b ORDER BY c) FROM t", "1:21 PARTITON, PARTITION"},
		{"SELECT SUM(a) FILTR (WHERE b) FROM t", "1:15 FILTR, FILTER"},
		{"INSRT INTO a SELECT b FROM t", "1:1 INSRT, INSERT"},
		{"INSERT INOT a SELECT b FROM t", "1:8 INOT, INTO"},
		{"INSERT INTO a SELCT b FROM t", "1:15 SELCT, SELECT"},
		{"INSERT INTO a VALEUS (1)", "1:15 VALEUS, VALUES"},
		{"CRAETE TABLE a (b INT)", "1:1 CRAETE, CREATE"},
		{"CREATE TABEL a (b INT)", "1:8 TABEL, TABLE"},
		{"CREATE TABLE IF NOT EXIST a (b INT)", "1:21 EXIST, EXISTS"},
		{"CREATE TABLE a (b INT NOT NUL)", "1:27 NUL, NULL"},
		{"CREATE TABLE a (b INT, PRIMRY KEY (b) NOT ENFORCED)", "1:24 PRIMRY, PRIMARY"},
		{"CREATE TABLE a (b INT, PRIMARY KEY (b) NOT ENFORCD)", "1:44 ENFORCD, ENFORCED"},
		{"CREATE TABLE a (b INT) WIHT ('x' = 'y')", "1:24 WIHT, WITH"},
		{"CREATE TABLE a (b INT) DISTRIBUTD BY (b) INTO 3 BUCKETS", "1:24 DISTRIBUTD, DISTRIBUTED"},
		{"CREATE TABLE a (b INT) DISTRIBUTED BY (b) INTO 3 BUCKET", "1:50 BUCKET, BUCKETS"},
		{"CREATE TABLE a (b TIMESTAMP_LTZ(3) METDATA FROM 'timestamp')", "1:36 METDATA, METADATA"},
		{"SELECT a FROM TABLE(TUMBLE(TABLE t, DESCRIPTR(ts), INTERVAL '1' HOUR))", "1:37 DESCRIPTR, DESCRIPTOR"},
		{"SELECT a FROM t FOR SYSTEM_TIM AS OF b", "1:21 SYSTEM_TIM, SYSTEM_TIME"},
		{"SELECT a FROM t MATCH_RECOGNIZE (ORDER BY ts PATERN (A) DEFINE A AS x > 1)", "1:46 PATERN, PATTERN"},
		{"SELECT a FROM t MATCH_RECOGNIZE (ORDER BY ts PATTERN (A) DEFIN A AS x > 1)", "1:58 DEFIN, DEFINE"},
		{"EXCUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END;", "1:1 EXCUTE, EXECUTE"},
		{"ALTER TABLE a MODFY WATERMARK FOR b AS b", "1:15 MODFY, MODIFY"},
		{"ALTER TABLE a ST ('x' = 'y')", "1:15 ST, SET"},
		{"DROP TABEL a", "1:6 TABEL, TABLE"},
		{"DROP TABLE IF EXIST a", "1:15 EXIST, EXISTS"},
		{"SHOW TABELS", "1:6 TABELS, TABLES"},
		{"DESCRIB a", "1:1 DESCRIB, DESCRIBE"},
		{"EXPLIAN SELECT 1", "1:1 EXPLIAN, EXPLAIN"},
		{"WIHT x AS (SELECT 1) SELECT * FROM x", "1:1 WIHT, WITH"},
		{"CREATE TABLE a (b INT, WATERMRK FOR b AS b)", "1:24 WATERMRK, WATERMARK"},
		{"CREATE TABLE a (b INT, WATERMARK FOR b AS b - INTERVL '5' SECOND)", "1:47 INTERVL, INTERVAL"},
		{"SELECT a FROM t MATCH_RECOGNIZ (ORDER BY ts PATTERN (A) DEFINE A AS x > 1)", "1:17 MATCH_RECOGNIZ, MATCH_RECOGNIZE"},
	} {
		t.Run(tt.sql, func(t *testing.T) {
			script, findings := Parse("x.sql", tt.sql)
			var got []string
			for _, f := range findings {
				var word string
				if _, err := fmt.Sscanf(f.Message, "unexpected %s did you mean", &word); err != nil {
					t.Fatalf("another finding: %s", f.Message)
				}
				got = append(got, fmt.Sprintf("%d:%d %s, %s", f.Place.Line, f.Place.Column, trimmed(word), f.Remedy[len("write "):]))
			}
			if diff := cmp.Diff([]string{tt.want}, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if len(script.Statements) != 1 || script.Statements[0].Statement != nil {
				t.Errorf("the text is not one statement that was refused: %+v", script.Statements)
			}
		})
	}
}

// trimmed takes the quotes and the semicolon off a word of a message.
func trimmed(word string) string {
	for len(word) > 0 && (word[0] == '"' || word[len(word)-1] == '"' || word[len(word)-1] == ';') {
		if word[0] == '"' {
			word = word[1:]
		} else {
			word = word[:len(word)-1]
		}
	}
	return word
}

// TestSeveralMistakes: what is wrong behind a misspelled keyword and in later statements is found too, in the order of the text.
func TestSeveralMistakes(t *testing.T) {
	for _, tt := range []struct {
		name, sql string
		want      []string
	}{
		{"keywords of one statement", "SELCT a FORM t\r\nWHER a = 1 GRUOP BY a", []string{
			`1:1 unexpected "SELCT"; did you mean SELECT?`, `1:9 unexpected "FORM"; did you mean FROM?`, `2:1 unexpected "WHER"; did you mean WHERE?`, `2:12 unexpected "GRUOP"; did you mean GROUP?`}},
		{"no more than five", "SELCT a FORM t WHER b = 1 GRUOP BY b HAVIGN c UNOIN ALL SELCT 1", []string{
			`1:1 unexpected "SELCT"; did you mean SELECT?`, `1:9 unexpected "FORM"; did you mean FROM?`, `1:16 unexpected "WHER"; did you mean WHERE?`,
			`1:27 unexpected "GRUOP"; did you mean GROUP?`, `1:38 unexpected "HAVIGN"; did you mean HAVING?`}},
		{"a keyword, and then no SQL", "SELCT a FROM WHERE x", []string{`1:1 unexpected "SELCT"; did you mean SELECT?`,
			`1:14 expected LATERAL, UNNEST, "(", TABLE (, TABLE or a name, found WHERE`}},
		{"statements", "SELCT 1;\nCREATE TABLE t (a INT,);\nSELECT 'it;s' FROM t;\nINSERT INTO t SELECT (1 FROM u", []string{
			`1:1 unexpected "SELCT"; did you mean SELECT?`, `2:23 expected WATERMARK FOR, CONSTRAINT, PRIMARY KEY or a name, found ")"`,
			`4:25 expected "," or ")", found FROM`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, findings := Parse("x.sql", tt.sql)
			var got []string
			for _, f := range findings {
				got = append(got, fmt.Sprintf("%d:%d %s", f.Place.Line, f.Place.Column, f.Message))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRemediesOfMistakes: what the most common mistakes are answered with.
func TestRemediesOfMistakes(t *testing.T) {
	for _, tt := range []struct{ name, sql, want string }{
		{"a comma too many", "SELECT a, FROM t", "leave the comma before it out"},
		{"a comma at the end of a list", "CREATE TABLE t (a INT,)", "leave the comma before it out"},
		{"an alias of one letter before a mistake", "SELECT a FROM orders o LFET JOIN u ON o.a = u.a", "write LEFT"},
		{"an open parenthesis", "SELECT a FROM t WHERE b IN (1, 2 ORDER BY a", "the parenthesis of line 1, column 28 is still open here"},
		{"a comment of a field", "CREATE TABLE t (a ROW<b INT COMMENT 'x'>)", "leave COMMENT out: a field's comment stands behind its type by itself"},
		{"a statement without its semicolon", "INSERT INTO t SELECT a FROM b\nINSERT INTO c SELECT a FROM b", "write ; in front of it"},
		{"one that begins with WITH", "INSERT INTO t SELECT a FROM b\nWITH x AS (SELECT 1) SELECT a FROM x", "write ; in front of it"},
		{"WITH before INSERT", "WITH x AS (SELECT a FROM b) INSERT INTO t SELECT a FROM x", "write INSERT INTO in front of WITH: INSERT INTO t WITH x AS (…) SELECT …"},
		{"a parenthesis too many", "SELECT a) FROM t", "no parenthesis is open here: leave it out"},
		{"two equal signs", "SELECT a FROM t WHERE a == 1", "write = once"},
		{"an option without quotes", "CREATE TABLE t (a INT) WITH (connector = 'x')", "write it in quotes: 'connector'"},
		{"&&", "SELECT a FROM t WHERE a && b", "write AND"},
		{"an exclamation mark", "SELECT a FROM t WHERE !a", "write NOT, or <> for not equal"},
		{"a reserved word as a column", "CREATE TABLE t (order INT)", "ORDER is a reserved word: as a name, write it in backticks: `order`"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, findings := Parse("x.sql", tt.sql)
			if len(findings) == 0 {
				t.Fatal("nothing is found")
			}
			if got := findings[0].Remedy; got != tt.want {
				t.Errorf("%s: remedy %q, want %q", findings[0].Message, got, tt.want)
			}
		})
	}
}
