package lambda

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// environment is the whole environment of one process: what Lambda sets for a
// function of a provided runtime, which has no AWS_EXECUTION_ENV, and the
// function's own variables. This process's environment does not leak into it,
// but for where programs and the user's files are.
//
// The runtime API is an address and a path, as AWS's own Lambda Test Tool has
// it: a runtime puts what follows behind it ("Using the Lambda runtime API").
func (p *pool) environment(runtimeAPI string) []string {
	region := cmp.Or(p.function.Variables["AWS_REGION"], Region)
	env := []string{ // of two values the later one is taken (os/exec)
		"HOME=" + os.Getenv("HOME"),
		"PATH=" + os.Getenv("PATH"),
		"LANG=en_US.UTF-8",
		"TZ=:UTC",
		"AWS_REGION=" + region,
		"AWS_DEFAULT_REGION=" + region,
		"AWS_XRAY_CONTEXT_MISSING=LOG_ERROR",
		"AWS_LAMBDA_LOG_STREAM_NAME=" + time.Now().UTC().Format("2006/01/02/") + "[$LATEST]" + randomHex(16),
	}
	if p.function.MemoryMB < wholeCPU {
		// It has a part of a CPU: a Go program that spreads over all of them mostly wakes threads.
		env = append(env, "GOMAXPROCS=1")
	}
	for name, value := range p.function.Variables {
		env = append(env, name+"="+value)
	}
	return append(env,
		"_HANDLER=bootstrap",
		"AWS_LAMBDA_FUNCTION_NAME="+p.function.Name,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE="+strconv.Itoa(p.function.MemoryMB),
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/"+p.function.Name,
		"AWS_LAMBDA_RUNTIME_API="+runtimeAPI,
		"LAMBDA_TASK_ROOT="+filepath.Dir(p.function.Bootstrap),
		"LAMBDA_RUNTIME_DIR=/var/runtime",
	)
}

// functionARN is the ARN of a function by its logical id.
func functionARN(name string) string {
	return "arn:aws:lambda:" + Region + ":" + AccountID + ":function:" + name
}

// newUUID makes a random UUID (RFC 9562, version 4): the id of an invocation.
func newUUID() string {
	b := randomBytes(16)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// NewTrace is the root of a new trace ("AWS X-Ray concepts", tracing header).
func NewTrace(now time.Time) string {
	seconds := uint32(now.Unix()) //nolint:gosec // G115: the format has 32 bits of the time
	return fmt.Sprintf("Root=1-%08x-%s", seconds, randomHex(12))
}

// newTraceParent makes the rest of a tracing header: the span that the function
// belongs to, which is not sampled, as nothing collects it.
func newTraceParent() string { return ";Parent=" + randomHex(8) + ";Sampled=0" }

func randomHex(n int) string { return hex.EncodeToString(randomBytes(n)) }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails (crypto/rand)
	return b
}
