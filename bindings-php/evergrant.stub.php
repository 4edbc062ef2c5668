<?php

/** @generate-class-entries */

namespace Evergrant {
    /**
     * A token store of your own. It is called on the request's own thread, during calls of the client that has it. What it
     * throws becomes a CallbackError with the thrown exception as its previous one.
     *
     * `$client`, `$subject` and `$slot` together are the key of a record. A record is text that holds secrets; it is
     * stored unchanged.
     */
    interface TokenStore
    {
        /** The record's text, or null when there is none. */
        public function load(string $client, string $subject, string $slot): ?string;

        /** Writes without a condition. */
        public function save(string $client, string $subject, string $slot, #[\SensitiveParameter] string $record): void;
    }

    /**
     * All that a store can do. Any of these methods may be missing; without compareAndSet, acquire or takePending an event
     * tells which promise cannot be kept then.
     */
    interface SharedTokenStore extends TokenStore
    {
        /** Writes if the stored revision is the expected one (null: if nothing is stored), and tells whether it did. */
        public function compareAndSet(
            string $client,
            string $subject,
            string $slot,
            ?int $expectedRevision,
            #[\SensitiveParameter] string $record,
            int $revision
        ): bool;

        public function delete(string $client, string $subject, string $slot): void;

        /**
         * Takes the lease if it is free or has run out: ['fencing' => a number higher than all before, 'intent' => the one
         * that an earlier holder left, or null]. Where somebody else holds it: ['busy_ms' => at most this time more].
         */
        public function acquire(
            string $client,
            string $subject,
            string $slot,
            string $owner,
            int $ttlMs,
            string $intent
        ): array;

        /** Lets a lease that is held last for $ttlMs from now, and tells whether it is held. */
        public function renew(
            string $client,
            string $subject,
            string $slot,
            string $owner,
            int $fencing,
            int $ttlMs
        ): bool;

        /** Gives a lease that is held back and leaves this intent, or none. */
        public function release(
            string $client,
            string $subject,
            string $slot,
            string $owner,
            int $fencing,
            ?string $intent
        ): void;

        /** The texts of all records of a client. */
        public function list(string $client): array;

        /** Keeps the document of an authorization until a time in Unix milliseconds. */
        public function putPending(string $state, #[\SensitiveParameter] string $document, int $expiresAtMs): void;

        /** Removes a document and gives it to one caller only; null when there is none. */
        public function takePending(string $state): ?string;
    }

    /**
     * One registration at one provider, with its store. Times are Unix seconds, with a fraction; durations are seconds.
     *
     * @not-serializable
     */
    final class Client
    {
        /**
         * The keys are those of the user guide. `store` may be a TokenStore; `on_event` is a callable that gets each event
         * as an array, during a call.
         */
        public function __construct(#[\SensitiveParameter] array $config) {}

        /**
         * Options: scope, incremental, resource, authorization_details, redirect_uri, prompt, reauthenticate, login_hint, parameters,
         * browser_session, slot, timeout.
         */
        public function begin(string $subject, array $options = []): Start {}

        /**
         * Takes the callback as it came: a URL, a path with a query, or a query. Options: browser_session, state, timeout.
         *
         * @return array with subject, slot, grant_id, generation, scope, expires_at
         */
        public function finish(#[\SensitiveParameter] string $callback, array $options = []): array {}

        /**
         * Exchanges a code that came to the application another way than by a callback; that it is of $subject is for you to
         * know. Options: redirect_uri (of the request that brought the code), code_verifier, scope, slot, timeout.
         *
         * @return array as finish() gives it
         */
        public function exchange(string $subject, #[\SensitiveParameter] string $code, #[\SensitiveParameter] array $options = []): array {}

        /**
         * How a grant stands, without asking the provider. Options are those of begin(); scopes that they name have to be granted.
         *
         * @return array with status (valid, refreshable, need_user), reason, missing_scope, and start: where to send the user
         *     who is needed (url, state, expires_at), else null
         */
        public function check(string $subject, array $options = []): array {}

        /**
         * Begins to ask for consent on another device (RFC 8628). Options: scope, authorization_details, parameters, slot, timeout.
         *
         * @return array with state; to show to the user: user_code, verification_uri, verification_uri_complete (or null);
         *     interval, expires_at
         */
        public function beginDevice(string $subject, array $options = []): array {}

        /**
         * Asks once whether the user has answered; before its time it asks nobody.
         *
         * @return array with finished, as finish() gives it, or null and poll_at
         */
        public function pollDevice(string $state): array {}

        /** Polls until the user has answered, the codes have expired, or $timeout seconds are over; gives what finish() does. */
        public function waitDevice(string $state, ?float $timeout = null): array {}

        /**
         * Stores the grant that a user's own password brings (RFC 6749 section 4.3), where legacy_grants of the configuration
         * allows it. Options: username, password, slot, timeout.
         */
        public function grantByPassword(string $subject, #[\SensitiveParameter] array $options): array {}

        /** Stores the grant that a PIN brings, which the user got at pinUrl(), where legacy_grants allows it. Options: pin, slot, timeout. */
        public function grantByPin(string $subject, #[\SensitiveParameter] array $options): array {}

        /** Where the provider shows a user the PIN that they copy. */
        public function pinUrl(): string {}

        /**
         * Where to send a user's browser to end its session at the provider (OpenID Connect RP-Initiated Logout 1.0); it may hold
         * the user's id_token, so it belongs into no log. The grant lives on. Options: subject, slot, post_logout_redirect_uri,
         * state, timeout.
         */
        public function logoutUrl(array $options = []): string {}

        /** A handle; whether there is a grant shows at its first use. */
        public function grant(string $subject, string $slot = ""): Grant {}

        /** Stores tokens got elsewhere: access_token, token_secret, token_type, refresh_token, expires_in, expires_at, scope, slot; or document, slot. */
        public function put(string $subject, #[\SensitiveParameter] array $tokens): array {}

        /** Every grant of this client in the store, each as Grant::inspect() gives it. */
        public function list(): array {}

        /**
         * The grants whose time for a renewal has come, without secrets; nothing is decrypted for it. Options: within (seconds),
         * limit, after (subject and slot of the last of the list before).
         *
         * @return array of arrays with subject, slot, grant_id, generation, due_for, expires_at, keepalive_at, retry_at
         */
        public function due(array $options = []): array {}

        /**
         * Renews the grants that are due, each once however many processes do this at the same time. Options: within
         * (seconds), concurrency, limit.
         *
         * @return array with refreshed, renewed_elsewhere, in_back_off, skipped, revoked, cleared, needs_consent, failed, stopped
         */
        public function refreshDue(array $options = []): array {}

        /** Waits, at most 10 seconds, until refreshes on their way are stored; later calls throw CancelledError. */
        public function close(): void {}

        /** Serves the store and delivers events that wait, for scripts that may be a long time without another call. */
        public function poll(): void {}

        /** For tests only: stops the clock at a time in Unix milliseconds, or gives back the real one. */
        public function _testingSetClock(?int $unixMillis): void {}

#ifdef EVERGRANT_TESTING
        /** Panics inside the work that the call waits for. */
        public function _testingPanic(): void {}
#endif
    }

    /** @not-serializable */
    final class Grant
    {
        private readonly Client $client;
        public readonly string $subject;
        public readonly string $slot;

        private function __construct() {}

        /** A token that may be used now. Options: min_valid, resource (RFC 8707), scope (fewer than were granted), timeout. */
        public function accessToken(array $options = []): AccessToken {}

        /** The fresh token that this process has in memory, if any; waits for nothing. */
        public function cachedAccessToken(): ?AccessToken {}

        /**
         * The headers that authorize one request with any HTTP client. Options: form, refused (what met a 401), challenge
         * (what came with it), dpop_nonce, resource, scope, timeout.
         *
         * @return array of values by name
         */
        public function headers(string $method, string $url, array $options = []): array {}

        /** Calls an API. Options: query, form, json, body (text), headers, resource, scope, timeout, max_response_bytes. */
        public function request(string $method, string $url, array $options = []): Response {}

        public function get(string $url, array $options = []): Response {}

        public function post(string $url, array $options = []): Response {}

        public function put(string $url, array $options = []): Response {}

        public function patch(string $url, array $options = []): Response {}

        public function delete(string $url, array $options = []): Response {}

        /** Refreshes where it is due. Options: force, timeout. */
        public function refresh(array $options = []): array {}

        /** What the provider says about the user (OpenID Connect Core section 5.3): the claims as they came. Options: timeout. */
        public function userinfo(array $options = []): array {}

        /**
         * What the provider says about one of the grant's tokens (RFC 7662): active, and all else as it came. Nothing is renewed
         * for it. Options: token (access_token or refresh_token), timeout.
         */
        public function introspect(array $options = []): array {}

        /**
         * What the provider said beside the tokens, as it came, from the store: Salesforce's instance_url, the realmId of
         * Intuit's callback, the id_token. It has what is personal, and no token that works at an API.
         */
        public function tokenResponse(): array {}

        /** Which of these scopes, a list or a text with spaces between, were not granted; of the client's own without any. The provider is not asked. */
        public function missingScope(array|string|null $scope = null): array {}

        /** Revokes at the provider and deletes. Options: force, timeout. */
        public function revoke(array $options = []): void {}

        /** Deletes without telling the provider. */
        public function forget(): void {}

        /** All but the secrets. */
        public function inspect(): array {}

        /**
         * The grant as a document, to go on with elsewhere: put() takes it as document. It is as secret as the tokens in it. Two
         * stores cannot share a grant: forget it here once it is there.
         */
        public function export(): string {}
    }

    /** @not-serializable */
    final class Start
    {
        public readonly string $url;
        public readonly string $state;
        public readonly float $expiresAt;
        /** Until when the browser has to be there, where the provider says. */
        public readonly ?float $openBy;

        private function __construct() {}
    }

    /** @not-serializable */
    final class AccessToken
    {
        public readonly string $tokenType;
        public readonly ?float $expiresAt;

        private function __construct() {}

        /** The token itself, which no dump shows. */
        public function token(): string {}
    }

    /** @not-serializable */
    final class Response
    {
        public readonly int $status;
        /** Lists of values by name, names in lower case. */
        public readonly array $headers;
        public readonly string $body;
        public readonly string $url;

        private function __construct() {}

        /** The body as JSON, objects as arrays; a \JsonException where it is none. */
        public function json(): mixed {}
    }

    /**
     * Holds a token store of your own to what the library relies on, for your tests. It writes under a client key of its own,
     * evergrant-check:…, and removes it where the store has delete. Calls come one after another, so whether the store bears
     * several at once has to be seen by other means. Options: grants (how many are written and listed; 10000), quick.
     *
     * @return array with ok, summary (which names each broken promise), remarks, and findings: of each promise its name
     *     (promise), its verdict (passed, failed or skipped), expected, got, remark, milliseconds
     */
    function check_store(object $store, array $options = []): array {}

    /**
     * Registers a client at an issuer (RFC 7591), anew with each call. Options: issuer, metadata (what the client says about
     * itself), software_statement, initial_access_token, allow_private_addresses, timeout.
     *
     * @return array with config (keys of a configuration, with the secret), client_secret_expires_at, registration_access_token,
     *     registration_client_uri, metadata
     */
    function register(array $options): array {}

    /**
     * What an API says about itself and who gives tokens for it (RFC 9728). Options: url, challenge (values of WWW-Authenticate,
     * a line each), allow_private_addresses, timeout.
     *
     * @return array with resource, authorization_servers, scopes_supported and so on
     */
    function protected_resource(array $options): array {}

    /**
     * A redirect URI of the request that the application is answering, at $path, or the request's own. The request has url
     * (absolute, as far as PHP knows it), headers, and trust_proxy: whether Forwarded and X-Forwarded-* are believed. Only behind
     * a proxy that sets or removes them all.
     */
    function redirect_uri_of(array $request, ?string $path = null): string {}

    /**
     * Signs one OAuth 1.0a request (RFC 5849 section 3.1) for any HTTP client; nothing is stored or sent. Options: client_id,
     * client_secret, private_key, private_key_passphrase, signature_method, parameters_in, realm, token, token_secret, query,
     * form, body, parameters, nonce, timestamp, without_version.
     *
     * @return array with authorization (the header's value, or null), url, body (or null), base_string
     */
    function sign(string $method, string $url, array $options): array {}

#ifdef EVERGRANT_TESTING
    /** Fails with the error of this number. */
    function _testing_fail(int $status): void {}

    /** Panics in the library. */
    function _testing_panic(): void {}
#endif

    /** What every operation throws. getCode() is the number of the C ABI, which has gaps and is stable. */
    class Error extends \Exception
    {
        /** Such as "needs_consent", the same in every language. */
        public readonly string $errorCode;
        /** Whether the same call may succeed later without anybody changing anything. */
        public readonly bool $retryable;
        /** No attempt will be made before this time. */
        public readonly ?float $retryAt;
        /** Since when the grant is so. */
        public readonly ?float $statusAt;
        /** A stable word that says more than the code. */
        public readonly ?string $reason;
        public readonly ?string $provider;
        public readonly ?string $subject;
        /** HTTP status of the provider's answer. */
        public readonly ?int $status;
        /** The provider's own `error` and `error_description`. */
        public readonly ?string $error;
        public readonly ?string $errorDescription;
    }

    final class InvalidConfigError extends Error {}

    final class UnknownProviderError extends Error {}

    final class InvalidArgumentError extends Error {}

    final class NoGrantError extends Error {}

    final class NeedsConsentError extends Error {}

    final class ConsentDeniedError extends Error {}

    final class StateMismatchError extends Error {}

    final class TemporarilyUnavailableError extends Error {}

    final class MisconfiguredClientError extends Error {}

    final class ProviderError extends Error {}

    final class InvalidResponseError extends Error {}

    final class TransportError extends Error {}

    final class TimeoutError extends Error {}

    final class CancelledError extends Error {}

    final class StoreError extends Error {}

    final class StoreConflictError extends Error {}

    final class DecryptionError extends Error {}

    final class InsecureUrlError extends Error {}

    final class UnsupportedError extends Error {}

    final class CallbackError extends Error {}

    final class InternalError extends Error {}
}
