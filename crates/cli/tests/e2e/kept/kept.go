// Does what kept.py does, with net/http.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
)

const callers = 5

type request struct {
	status             int
	method, path, body string
	headers            [][2]string
}

func read(file string) (requests []request) {
	opened, err := os.Open(file)
	if err != nil {
		panic(err)
	}
	lines := bufio.NewScanner(opened)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		status, _ := strconv.Atoi(fields[0])
		body, literal := strings.CutPrefix(fields[3], "@")
		if !literal {
			length, _ := strconv.Atoi(body)
			body = strings.Repeat("x", length)
		}
		one := request{status: status, method: fields[1], path: fields[2], body: body}
		for _, header := range fields[4:] {
			name, value, _ := strings.Cut(strings.ReplaceAll(header, "+", " "), "=")
			one.headers = append(one.headers, [2]string{name, value})
		}
		requests = append(requests, one)
	}
	return requests
}

func call(client *http.Client, url string, one request) string {
	made, err := http.NewRequest(one.method, url+one.path, bytes.NewReader([]byte(one.body)))
	if err != nil {
		panic(err)
	}
	for _, header := range one.headers {
		made.Header.Set(header[0], header[1])
	}
	answer, err := client.Do(made)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err.Error()
	}
	return strconv.Itoa(answer.StatusCode)
}

func main() {
	url, requests := os.Args[1], read(os.Args[2])
	count, _ := strconv.Atoi(os.Args[3])
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers}}
	var wait sync.WaitGroup
	var lock sync.Mutex
	lost := map[string]int{}
	for caller := range callers {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for n := range count / callers {
				one := requests[(caller+n)%len(requests)]
				if seen := call(client, url, one); seen != strconv.Itoa(one.status) {
					lock.Lock()
					lost[fmt.Sprintf("%s %s %d: %s, not %d", one.method, one.path, len(one.body), seen, one.status)]++
					lock.Unlock()
				}
			}
		}()
	}
	wait.Wait()
	for what, times := range lost {
		fmt.Println(times, what)
	}
}
