#!/bin/sh
# Obtains tokens, creates a payment and refreshes, by curl. The secret is in TOLLGATE_CLIENT_SECRET; neither it nor a
# token becomes an argument, which other users of the machine could read.
set -eu
base_url=${TOLLGATE_BASE_URL:-http://127.0.0.1:8080}
client_id=${TOLLGATE_CLIENT_ID:-00000000-0000-0000-0000-000000000000}

umask 077
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
member() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/" "$2"; }
# What can't be answered for now is asked again, when Retry-After says so.
ask() { curl --fail-with-body -sS --retry 3 --retry-max-time 60 "$@"; }
post() { path=$1 && shift && ask "$base_url$path" -H 'Content-Type: application/json' "$@"; }

printf '{"client_id":"%s","client_secret":"%s"}' "$client_id" "$TOLLGATE_CLIENT_SECRET" |
    post /api/v1/oauth2/token -d @- -o "$folder/tokens"
printf 'Authorization: Bearer %s\n' "$(member access_token "$folder/tokens")" > "$folder/authorization"

post /api/v1/payment-requests:redirect -H "@$folder/authorization" -H "Idempotency-Key: $(date +%s)-$$" -d '{
    "amount": 1250, "currency": "EUR", "locale": "en-GB",
    "customer": {"name": "Ada Lovelace", "email": "ada@example.com"},
    "billing_address": {
        "address_line1": "12 St James Square", "city": "London", "postal_code": "SW1Y 4JH", "country": "GB"
    }
}' -o "$folder/created"
echo "pay at $(member redirect_url "$folder/created")"

# After 14 minutes, or when a call is answered 401: the next access token, without the secret.
printf '{"refresh_token":"%s"}' "$(member refresh_token "$folder/tokens")" |
    post /api/v1/oauth2/refresh -d @- -o "$folder/refreshed"
printf 'Authorization: Bearer %s\n' "$(member access_token "$folder/refreshed")" > "$folder/authorization"

ask "$base_url/api/v1/payment-requests?limit=1" -H "@$folder/authorization" -o "$folder/listed"
echo "the latest is of $(sed 's/.*"amount":\([0-9]*\).*/\1/' "$folder/listed")"
