module oms

go 1.26.0

// What functions are deployed with: a compiler that is older than this is fetched anew.
toolchain go1.26.8

require (
	github.com/FerretDB/FerretDB v1.24.2 // the embedded database of local runs and tests: what else speaks MongoDB's protocol in one process
	github.com/aws/aws-lambda-go v1.55.1 // the functions' side of Lambda
	github.com/aws/aws-sdk-go-v2 v1.48.0 // the signature of requests to Secrets Manager
	github.com/aws/aws-sdk-go-v2/config v1.33.17 // an operator's profiles, roles and SSO, as the AWS CLI finds them
	github.com/aws/aws-sdk-go-v2/service/secretsmanager v1.50.11 // secrets by ARN
	github.com/aws/aws-sdk-go-v2/service/sesv2 v1.79.9 // mail, in functions/mail alone
	github.com/aws/smithy-go v1.28.9 // the codes of SES's refusals, without their sentences
	github.com/awslabs/aws-lambda-go-api-proxy v0.16.2 // the event as an http.Request: the owner's choice, behind shared/edge
	github.com/golang-jwt/jwt/v5 v5.3.1 // tokens: the owner's choice
	github.com/joho/godotenv v1.5.1 // .env, with the quoting that people expect of one
	github.com/mozillazg/go-unidecode v0.2.0 // names of any script in ASCII, for keys
	github.com/swaggest/swgui v1.8.5 // Swagger UI, embedded: no asset from another host
	github.com/xdg-go/scram v1.4.0 // the login of the embedded database; the driver has it for its own side
	go.mongodb.org/mongo-driver/v2 v2.10.0 // the database
	go.yaml.in/yaml/v3 v3.0.6 // template.yaml with the lines of its nodes, for errors that name one
	golang.org/x/crypto v0.57.0 // bcrypt
	golang.org/x/net v0.60.0 // after which letters a joiner can be seen, in names, and domains as they are looked up: idna
	golang.org/x/sync v0.24.0 // errgroup, and a semaphore that can be waited for with a context
	golang.org/x/term v0.46.0 // asks for a connection string without showing it
	golang.org/x/text v0.43.0 // NFC of names and passwords
	golang.org/x/time v0.16.0 // token buckets: the local gateway's throttle
	modernc.org/sqlite v1.32.0 // repairs the embedded database's files; FerretDB's own driver of them
)

// For tests alone.
require (
	github.com/anishathalye/porcupine v1.3.1 // linearizability of the histories
	github.com/chromedp/cdproto v0.159.0 // the browser's events, for chromedp
	github.com/chromedp/chromedp v0.23.0 // a real browser on /docs
	github.com/google/go-cmp v0.7.0 // differences that can be read
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3 // the OpenAPI document's schemas, which are JSON Schema 2020-12
)

// Of these, grpc, otel, otel/sdk and pgx are newer than FerretDB asks for: its own have known vulnerabilities.
require (
	filippo.io/edwards25519 v1.1.0 // indirect
	github.com/AlekSi/pointer v1.2.0 // indirect
	github.com/FerretDB/wire v0.0.8 // indirect
	github.com/SAP/go-hdb v1.13.6 // indirect
	github.com/aws/aws-sdk-go-v2/credentials v1.20.17 // indirect
	github.com/aws/aws-sdk-go-v2/feature/ec2/imds v1.20.8 // indirect
	github.com/aws/aws-sdk-go-v2/internal/configsources v1.5.12 // indirect
	github.com/aws/aws-sdk-go-v2/internal/endpoints/v2 v2.8.12 // indirect
	github.com/aws/aws-sdk-go-v2/internal/v4a v1.5.12 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/accept-encoding v1.13.24 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/presigned-url v1.14.11 // indirect
	github.com/aws/aws-sdk-go-v2/service/signin v1.13.0 // indirect
	github.com/aws/aws-sdk-go-v2/service/sso v1.39.4 // indirect
	github.com/aws/aws-sdk-go-v2/service/ssooidc v1.44.4 // indirect
	github.com/aws/aws-sdk-go-v2/service/sts v1.51.9 // indirect
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cenkalti/backoff/v5 v5.0.2 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	github.com/go-logr/logr v1.4.4 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	github.com/go-sql-driver/mysql v1.9.2 // indirect
	github.com/golang/snappy v0.0.4 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/grpc-ecosystem/grpc-gateway/v2 v2.26.3 // indirect
	github.com/hashicorp/golang-lru/v2 v2.0.7 // indirect
	github.com/jackc/pgerrcode v0.0.0-20240316143900-6e2875d9b438 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/pgx/v5 v5.12.0 // indirect
	github.com/jackc/puddle/v2 v2.2.3 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/mattn/go-isatty v0.0.20 // indirect
	github.com/montanaflynn/stats v0.7.1 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/ncruces/go-strftime v0.1.9 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	github.com/prometheus/client_golang v1.22.0 // indirect
	github.com/prometheus/client_model v0.6.2 // indirect
	github.com/prometheus/common v0.64.0 // indirect
	github.com/prometheus/procfs v0.15.1 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	github.com/xdg-go/stringprep v1.0.4 // indirect
	github.com/youmark/pkcs8 v0.0.0-20240726163527-a2c0da244d78 // indirect
	go.mongodb.org/mongo-driver v1.17.3 // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/otel v1.47.0 // indirect
	go.opentelemetry.io/otel/exporters/otlp/otlptrace v1.36.0 // indirect
	go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp v1.36.0 // indirect
	go.opentelemetry.io/otel/log v1.47.0 // indirect
	go.opentelemetry.io/otel/metric v1.47.0 // indirect
	go.opentelemetry.io/otel/sdk v1.47.0 // indirect
	go.opentelemetry.io/otel/trace v1.47.0 // indirect
	go.opentelemetry.io/proto/otlp v1.6.0 // indirect
	golang.org/x/exp v0.0.0-20250506013437-ce4c2cf36ca6 // indirect
	golang.org/x/sys v0.48.0 // indirect
	google.golang.org/genproto/googleapis/api v0.0.0-20260817212433-ac3dfec99bb1 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260817212433-ac3dfec99bb1 // indirect
	google.golang.org/grpc v1.85.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
	modernc.org/gc/v3 v3.0.0-20240107210532-573471604cb6 // indirect
	modernc.org/libc v1.55.3 // indirect
	modernc.org/mathutil v1.6.0 // indirect
	modernc.org/memory v1.8.0 // indirect
	modernc.org/strutil v1.2.0 // indirect
	modernc.org/token v1.1.0 // indirect
)
