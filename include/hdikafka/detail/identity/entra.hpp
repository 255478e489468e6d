// A token request to Entra: the client-credentials grant, with a secret or an assertion.
#ifndef HDIKAFKA_DETAIL_IDENTITY_ENTRA_HPP
#define HDIKAFKA_DETAIL_IDENTITY_ENTRA_HPP

#include <hdikafka/detail/base/environment.hpp>
#include <hdikafka/detail/call/call.hpp>
#include <hdikafka/detail/call/token_source.hpp>
#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/identity/settings.hpp>
#include <hdikafka/detail/identity/token_response.hpp>
#include <hdikafka/detail/net/transport.hpp>
#include <hdikafka/detail/run/operation.hpp>
#include <hdikafka/detail/run/task.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>
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
        host = environment_variable("AZURE_AUTHORITY_HOST");
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

/// With room for a whole form that holds these: it must not grow and leave pieces of a secret behind.
inline std::string empty_form(std::string_view secret, std::string_view claims)
{
    constexpr std::size_t all_else = 2 * 1024;
    std::string out;
    out.reserve(3 * secret.size() + 3 * claims.size() + all_else);
    return out;
}

inline void append_claims(std::string& form, std::string const& claims)
{
    if (!claims.empty())
        append_form(form, "claims", claims);
}

/// Posts `form` to the token endpoint and reads the answer. No error shows `secrets`, which are in it.
template <class = void>
task ask_entra(operation_ptr op, transport_ptr http, url endpoint, std::string form,
               std::vector<std::string> secrets, token_grant& grant)
{
    call_label info("token", std::string());
    info.request_id = http->random().uuid();
    http_request request("POST", endpoint.path);
    request.add("Content-Type", "application/x-www-form-urlencoded");
    request.add("Accept", "application/json");
    request.add("Accept-Encoding", "identity");
    request.add("User-Agent", http->settings().user_agent);
    request.add("client-request-id", info.request_id);
    request.body(std::move(form));
    call_request spec(std::move(request), std::move(info), http->pool(endpoint));
    constexpr std::size_t largest_answer = 64 * 1024;
    spec.limits.body(largest_answer);
    spec.retry = http->settings().retry;
    spec.secrets = std::move(secrets);
    call_answer answer;
    auto const outcome = co_await call<>(op, http, spec, answer);
    if (!outcome) {
        // Entra says "invalid_client" and the like with 400 or 401: the authority's refusal, not the proxy's.
        error const& failure = outcome.error();
        diagnostics about = failure.info();
        int const status = about.http_status;
        bool const refused = status >= 400 && status < 500 && status != 408 && status != 429;
        std::error_code const code = refused ? make_error_code(errc::token_refused) : failure.code();
        if (status != 0)
            read_authority_error(answer.response.body_text(), spec.secrets, about);
        co_return error(code, std::move(about),
                        "the authority's answer to the token request: " + failure.cause());
    }
    auto parsed = parse_token_response(answer.response.body_text(), std::chrono::system_clock::now());
    answer.response.cleanse();
    if (!parsed)
        co_return parsed.error();
    grant.token = std::move(parsed).value();
    co_return result<void>();
}

/// Asks with a client assertion: whoever holds it is the client for as long as it lives.
template <class = void>
task ask_with_assertion(operation_ptr op, transport_ptr http, url endpoint, entra_settings const& settings,
                        std::string const& assertion, std::string const& claims, token_grant& grant)
{
    std::string form = empty_form(assertion, claims);
    append_form(form, "client_id", settings.client_id);
    append_form(form, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    append_form(form, "client_assertion", assertion);
    append_form(form, "grant_type", "client_credentials");
    append_form(form, "scope", settings.scope);
    append_claims(form, claims);
    std::vector<std::string> secrets(1, assertion);
    auto outcome =
        co_await ask_entra<>(op, http, std::move(endpoint), std::move(form), std::move(secrets), grant);
    co_return outcome;
}

} // namespace hdikafka::inline v0_1::detail

#endif
