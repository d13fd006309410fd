// go-ora against the stand-in: what it stored, fetched and was refused, as JSON. Arguments: host:port/service user password.
package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	_ "github.com/sijms/go-ora/v2"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	dsn := fmt.Sprintf("oracle://%s:%s@%s", os.Args[2], os.Args[3], os.Args[1])
	db, err := sql.Open("oracle", dsn)
	check(err)
	defer db.Close()
	run := func(statement string, values ...interface{}) sql.Result {
		result, err := db.Exec(statement, values...)
		check(err)
		return result
	}
	refused := func(statement string, values ...interface{}) string {
		_, err := db.Exec(statement, values...)
		if err == nil {
			return "done"
		}
		return strings.SplitN(err.Error(), ":", 2)[0]
	}
	at := time.Date(2026, 1, 2, 3, 4, 5, 678000000, time.UTC)
	run("CREATE TABLE go_p (id NUMBER PRIMARY KEY)")
	run("INSERT INTO go_p VALUES (1)")
	run(`CREATE TABLE go_t (id NUMBER PRIMARY KEY, name VARCHAR2(40), at TIMESTAMP, num NUMBER(10, 2),
		p NUMBER CONSTRAINT go_t_p REFERENCES go_p)`)
	run("INSERT INTO go_t VALUES (:1, :2, :3, :4, :5)", 0, "이름 0", at, 0.5, 1)
	ids, names, times, numbers, parents := []int64{}, []string{}, []time.Time{}, []float64{}, []int64{}
	for n := int64(1); n < 500; n++ {
		ids, names, times = append(ids, n), append(names, fmt.Sprintf("이름 %d", n)), append(times, at)
		numbers, parents = append(numbers, float64(n)+0.5), append(parents, 1)
	}
	result := run("INSERT INTO go_t VALUES (:1, :2, :3, :4, :5)", ids, names, times, numbers, parents)
	inserted, err := result.RowsAffected()
	check(err)
	found := map[string]interface{}{"inserted": inserted}

	var name string
	var moment time.Time
	var number float64
	check(db.QueryRow("SELECT name, at, num FROM go_t WHERE id = :1", 7).Scan(&name, &moment, &number))
	found["row"] = []interface{}{name, moment.UTC().Format(time.RFC3339Nano), number}
	found["duplicate"] = refused("INSERT INTO go_t (id) VALUES (:1)", 7)
	found["orphan"] = refused("INSERT INTO go_t (id, p) VALUES (:1, :2)", 1000, 2)
	found["unknown"] = refused("SELECT nonsense FROM go_t")

	tx, err := db.Begin()
	check(err)
	_, err = tx.Exec("DELETE FROM go_t WHERE id < :1", 100)
	check(err)
	check(tx.Rollback())
	rows, err := db.Query("SELECT id FROM go_t ORDER BY id")
	check(err)
	count := 0
	for rows.Next() {
		var id int64
		check(rows.Scan(&id))
		count++
	}
	check(rows.Err())
	found["fetched"] = count
	text, err := json.Marshal(found)
	check(err)
	fmt.Println(string(text))
}
