// Where tokens come from: Entra, the program itself, its function. Layer: I/O shell.
#ifndef HDIKAFKA_DETAIL_TOKEN_SOURCES_HPP
#define HDIKAFKA_DETAIL_TOKEN_SOURCES_HPP

#include <hdikafka/access_token.hpp>
#include <hdikafka/detail/asio_io.hpp>
#include <hdikafka/detail/call.hpp>
#include <hdikafka/detail/token_cache.hpp>
#include <hdikafka/detail/token_response.hpp>
#include <hdikafka/detail/token_settings.hpp>
#include <hdikafka/detail/url.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

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

} // namespace hdikafka::inline v0_1::detail

#endif
