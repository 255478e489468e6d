// Credentials: who the program is, and how it proves it. Layer: what users see.
#ifndef HDIKAFKA_CREDENTIAL_HPP
#define HDIKAFKA_CREDENTIAL_HPP

#include <hdikafka/access_token.hpp>
#include <hdikafka/detail/asio.hpp>
#include <hdikafka/detail/call.hpp>
#include <hdikafka/detail/token_cache.hpp>
#include <hdikafka/detail/token_response.hpp>
#include <hdikafka/detail/url.hpp>

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1 {

namespace detail {

/// Where the client-credentials grant is asked for, and for what.
class entra_settings
{
public:
    entra_settings() = default;
    entra_settings(std::string tenant_id, std::string client)
        : tenant(std::move(tenant_id)), client_id(std::move(client))
    {}

    std::string tenant;
    std::string client_id;
    std::string authority_host; ///< empty: AZURE_AUTHORITY_HOST, else the public cloud's
    std::string scope = "https://hib.azurehdinsight.net/.default";
};

/// Refuses what cannot be sent; otherwise the token endpoint.
inline result<url> token_endpoint(entra_settings const& settings)
{
    auto const allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '-';
    };
    if (settings.tenant.empty() || !std::ranges::all_of(settings.tenant, allowed))
        return error(errc::invalid_option, "the tenant is not a name of letters, digits, '.' and '-'");
    if (settings.client_id.empty())
        return error(errc::invalid_option, "the client id is empty");
    std::string host = settings.authority_host;
    if (host.empty())
        // NOLINTNEXTLINE(concurrency-mt-unsafe): races only with a program that changes its environment
        if (char const* const from_environment = std::getenv("AZURE_AUTHORITY_HOST"))
            host = from_environment;
    if (host.empty())
        host = "https://login.microsoftonline.com";
    if (host.find("://") == std::string::npos)
        host.insert(0, "https://");
    while (host.ends_with('/'))
        host.pop_back();
    auto endpoint = parse_url(host + "/" + settings.tenant + "/oauth2/v2.0/token");
    if (!endpoint)
        return error(errc::invalid_endpoint, "the authority host: " + endpoint.error().cause());
    if (!endpoint.value().is_https())
        return error(errc::invalid_endpoint, "the authority host is not https");
    return endpoint;
}

/// Posts `form` to the token endpoint and reads the answer. No error shows `secrets`, which are in it.
template <class = void>
task ask_entra(operation_ptr op, transport_ptr http, url endpoint, std::string form,
               std::vector<std::string> secrets, access_token& token)
{
    call_info info("token", std::string());
    info.request_id = http->random().uuid();
    http_request request("POST", endpoint.path);
    request.add("Content-Type", "application/x-www-form-urlencoded");
    request.add("Accept", "application/json");
    request.add("Accept-Encoding", "identity");
    request.add("User-Agent", http->settings().user_agent);
    request.add("client-request-id", info.request_id);
    request.body(std::move(form));
    call_spec spec(std::move(request), std::move(info), http->pool(endpoint));
    constexpr std::size_t largest_answer = 64 * 1024;
    spec.limits.body(largest_answer);
    spec.retry = http->settings().retry;
    spec.secrets = std::move(secrets);
    call_answer answer;
    auto const outcome = co_await call<>(op, http, spec, answer);
    if (!outcome) {
        // Entra says "invalid_client" and the like with 400 or 401: the authority's refusal, not the proxy's.
        error const& failure = outcome.error();
        int const status = failure.info().http_status;
        bool const refused = status >= 400 && status < 500 && status != 408 && status != 429;
        std::error_code const code = refused ? make_error_code(errc::token_refused) : failure.code();
        co_return error(code, failure.info(),
                        "the authority's answer to the token request: " + failure.cause());
    }
    auto parsed = parse_token_response(answer.response.body_text(), std::chrono::system_clock::now());
    if (!parsed)
        co_return parsed.error();
    token = std::move(parsed).value();
    co_return result<void>();
}

template <class = void>
class client_secret_source final : public token_source
{
public:
    client_secret_source(entra_settings settings, std::string secret)
        : settings_(std::move(settings)), secret_(std::move(secret))
    {}

    task request(operation_ptr op, transport_ptr http, access_token& token) override
    {
        auto endpoint = token_endpoint(settings_);
        if (!endpoint)
            co_return endpoint.error();
        if (secret_.empty())
            co_return error(errc::invalid_option, "the client secret is empty");
        std::string form;
        append_form(form, "client_id", settings_.client_id);
        append_form(form, "client_secret", secret_);
        append_form(form, "grant_type", "client_credentials");
        append_form(form, "scope", settings_.scope);
        std::string encoded;
        append_form(encoded, "", secret_);
        std::vector<std::string> secrets(1, secret_);
        secrets.push_back(encoded.substr(encoded.find('=') + 1));
        auto outcome = co_await ask_entra<>(op, http, std::move(endpoint).value(), std::move(form),
                                            std::move(secrets), token);
        co_return outcome;
    }

private:
    entra_settings settings_;
    std::string secret_;
};

template <class = void>
class fixed_token_source final : public token_source
{
public:
    explicit fixed_token_source(std::string token) : token_(std::move(token)) {}

    task request(operation_ptr, transport_ptr, access_token& token) override
    {
        if (!sendable_token(token_))
            co_return error(errc::invalid_option,
                            "the bearer token is empty or has characters that no token has");
        constexpr std::chrono::hours as_long_as_it_takes(24 * 365);
        token = access_token(token_, as_long_as_it_takes);
        co_return result<void>();
    }

    bool renewable() const noexcept override { return false; }

private:
    std::string token_;
};

using token_function = std::function<net::awaitable<access_token>()>;

template <class = void>
class callback_token_source final : public token_source
{
public:
    explicit callback_token_source(token_function function)
        : function_(std::make_shared<token_function const>(std::move(function)))
    {}

    task request(operation_ptr op, transport_ptr, access_token& token) override
    {
        // Spawned, so that the function runs with Asio's usual cancellation, and can be left behind when
        // it does not heed it.
        auto const strand = net::make_strand(op->executor());
        auto const under_way = std::make_shared<run>();
        net::co_spawn(strand, (*function_)(),
                      net::bind_cancellation_slot(
                          under_way->stop.slot(),
                          [op, under_way, kept = function_](std::exception_ptr failure, access_token made) {
                              under_way->failure = std::move(failure);
                              under_way->token = std::move(made);
                              under_way->finished = true;
                              op->wake();
                          }));
        while (!under_way->finished && !op->stopped())
            co_await op->park();
        if (!under_way->finished) {
            net::post(strand, [under_way] { under_way->stop.emit(net::cancellation_type::terminal); });
            co_return op->interruption("waiting for the callback's token");
        }
        if (under_way->failure)
            std::rethrow_exception(under_way->failure);
        token = std::move(under_way->token);
        if (!sendable_token(token.token()))
            co_return error(errc::invalid_token_response,
                            "the callback's token is empty or has characters that no token has");
        co_return result<void>();
    }

private:
    /// The function under way, on a strand of its own.
    class run
    {
    public:
        net::cancellation_signal stop;
        std::atomic<bool> finished = false; ///< What follows may be looked at.
        std::exception_ptr failure;
        access_token token;
    };

    std::shared_ptr<token_function const> function_; // a coroutine may live in its captures
};

} // namespace detail

/// A service principal with a secret: asks Entra for a token with the client-credentials grant.
///
/// The tenant is a GUID or a domain. Bad values are told by the first call that needs a token
/// (errc::invalid_option, errc::invalid_endpoint); Entra's own refusals as errc::token_refused.
class client_secret_credential
{
public:
    /// The application (client) id and a secret of it, in the tenant.
    client_secret_credential(std::string tenant, std::string client_id, std::string secret)
        : settings_(std::move(tenant), std::move(client_id)), secret_(std::move(secret))
    {}

    /// Another authority than AZURE_AUTHORITY_HOST or https://login.microsoftonline.com. https only.
    client_secret_credential& authority_host(std::string url) &
    {
        settings_.authority_host = std::move(url);
        return *this;
    }
    client_secret_credential&& authority_host(std::string url) &&
    {
        return std::move(authority_host(std::move(url)));
    }

    /// Another scope than https://hib.azurehdinsight.net/.default.
    client_secret_credential& scope(std::string scope) &
    {
        settings_.scope = std::move(scope);
        return *this;
    }
    client_secret_credential&& scope(std::string scope) &&
    {
        return std::move(this->scope(std::move(scope)));
    }

    /// For hk::credential.
    template <class Source = detail::client_secret_source<>>
    detail::token_source_ptr make_source() &&
    {
        return std::make_unique<Source>(std::move(settings_), std::move(secret_));
    }

private:
    detail::entra_settings settings_;
    std::string secret_;
};

/// A token that the program got elsewhere. It is used until the service refuses it (errc::unauthorized).
class bearer_token
{
public:
    /// Without "Bearer". Characters that no token has are told by the first call: errc::invalid_option.
    explicit bearer_token(std::string token) : token_(std::move(token)) {}

    /// For hk::credential.
    template <class Source = detail::fixed_token_source<>>
    detail::token_source_ptr make_source() &&
    {
        return std::make_unique<Source>(std::move(token_));
    }

private:
    std::string token_;
};

/// Tokens from the program's own function, `awaitable<access_token>()`: called when none is cached, in
/// the background before one expires, and once when the service refuses one. Never twice at a time, unless
/// it goes on when it is cancelled: after a minute, or when the client that needs the token is closed. It
/// runs on that client's executor; what it throws becomes the call's error.
class token_callback
{
public:
    /// The function is kept as long as any copy of the credential, and may be called from any thread of the
    /// client's executor.
    explicit token_callback(std::function<net::awaitable<access_token>()> function)
        : function_(std::move(function))
    {}

    /// For hk::credential.
    template <class Source = detail::callback_token_source<>>
    detail::token_source_ptr make_source() &&
    {
        return std::make_unique<Source>(std::move(function_));
    }

private:
    std::function<net::awaitable<access_token>()> function_;
};

/// Any of the credentials above, type-erased, with its token cache. Copies share the cache: clients that
/// are given the same credential ask for one token together. Thread-safe.
class credential
{
public:
    /// None: calls fail with errc::no_credential.
    credential() = default;

    /// From one of the above.
    template <class Kind>
    requires requires(Kind kind)
    {
        {
            std::move(kind).make_source()
            } -> std::same_as<detail::token_source_ptr>;
    }
    credential(Kind kind) : cache_(std::make_shared<detail::token_cache<>>(std::move(kind).make_source())) {}

    explicit operator bool() const noexcept { return cache_ != nullptr; }

    /// For the library.
    detail::token_cache_ptr const& cache() const noexcept { return cache_; }

private:
    detail::token_cache_ptr cache_;
};

} // namespace hdikafka::inline v0_1

#endif
