// REDIS_ADDR=host:6379 REDIS_AUTH="user password" go run put.go < rows.jsonl; needs nothing but Go: it speaks Redis' protocol.
// Each line is a row: {"plc": "PLC01", "tag": "D100", "time": "2026-01-02T03:04:05.678Z", "value": 12.5, "quality": "GOOD"}
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const mostQueued, mostRows, mostBytes, longest = 10000, 5000, 1000000, 1 << 20

type row struct {
	PLC, Tag, Time, Quality string
	Value                   json.RawMessage // as it is written: all digits of a number
}

// ask sends commands and returns the last one's answer, a number or a status.
func ask(commands ...[]string) (answer string, err error) {
	connection, err := net.DialTimeout("tcp", os.Getenv("REDIS_ADDR"), 5*time.Second)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(10 * time.Second))
	reader := bufio.NewReader(connection)
	for _, command := range commands {
		fmt.Fprintf(connection, "*%d\r\n", len(command))
		for _, part := range command {
			fmt.Fprintf(connection, "$%d\r\n%s\r\n", len(part), part)
		}
		if answer, err = reader.ReadString('\n'); err != nil || strings.HasPrefix(answer, "-") {
			return "", fmt.Errorf("%s %v", strings.TrimSpace(answer), err)
		}
	}
	return strings.TrimSpace(answer[1:]), nil
}

func put(key string, byPLC map[string][][]any) {
	push := []string{"RPUSH", key}
	for plc, rows := range byPLC {
		message, _ := json.Marshal(map[string]any{"plc_code": plc, "group_name": "go", "rows": rows})
		push = append(push, string(message))
	}
	var login [][]string
	if secret := strings.Fields(os.Getenv("REDIS_AUTH")); len(secret) > 0 {
		login = [][]string{append([]string{"AUTH"}, secret...)}
	}
	for ; ; time.Sleep(time.Second) { // full or away: the rows wait here
		queued, err := ask(append(login, []string{"LLEN", key})...)
		if waiting, _ := strconv.Atoi(queued); err == nil && waiting < mostQueued {
			// What may have been put already is put again: the table's key tells the copies.
			if _, err = ask(append(login, push)...); err == nil {
				return
			}
		}
		if err != nil {
			log.Print(err)
		}
	}
}

func main() {
	key := os.Getenv("TAGPIPE_KEY")
	if key == "" {
		key = "{tagpipe}:data_queue"
	}
	lines := make(chan row, mostRows)
	go read(lines)
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGTERM) // what was read is put first
	for isOpen, isLast := true, false; isOpen && !isLast; {
		byPLC, size, second := map[string][][]any{}, 0, time.After(time.Second)
		var found row
		for count, more := 0, true; more && isOpen && count < mostRows && size < mostBytes; count++ {
			if isLast && len(lines) == 0 {
				break
			}
			select { // what comes within a second is put together
			case <-ends:
				isLast = true
			case <-second:
				more = false
			case found, isOpen = <-lines:
				if isOpen {
					byPLC[found.PLC] = append(byPLC[found.PLC], []any{found.Tag, found.Time, found.Value, found.Quality})
					size += len(found.Value) + len(found.Tag) + len(found.Time)
				}
			}
		}
		if len(byPLC) > 0 {
			put(key, byPLC)
		}
	}
}

func read(rows chan<- row) {
	lines := bufio.NewReaderSize(os.Stdin, longest)
	for {
		line, isCut, err := lines.ReadLine()
		if err != nil {
			if err != io.EOF {
				log.Print(err)
			}
			break
		}
		found := row{Quality: "GOOD"}
		if isCut { // the rest of it, too: what comes after it goes on
			log.Printf("left out: %.200s: longer than %d bytes", line, longest)
			for isCut && err == nil {
				_, isCut, err = lines.ReadLine()
			}
		} else if err := json.Unmarshal(line, &found); err != nil {
			log.Printf("left out: %.200s: %v", line, err)
		} else if found.PLC == "" || found.Tag == "" { // else it would cost the rows beside it
			log.Printf("left out: %.200s: plc or tag is missing", line)
		} else {
			rows <- found
		}
	}
	close(rows)
}
