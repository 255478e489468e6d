// A token request to Entra: the client-credentials grant, with a secret or an assertion.
#ifndef HDIKAFKA_DETAIL_IDENTITY_ENTRA_HPP
#define HDIKAFKA_DETAIL_IDENTITY_ENTRA_HPP

#include <hdikafka/detail/base/environment.hpp>
#include <hdikafka/detail/call/call.hpp>
#include <hdikafka/detail/call/token_source.hpp>
#include <hdikafka/detail/http/syntax.hpp>
#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/identity/entra_hints.hpp>
#include <hdikafka/detail/identity/expiry.hpp>
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
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// A variable that names something: what stands around the name is not meant, and a blank one is none.
inline std::string name_variable(char const* variable)
{
    return std::string(without_white_space_around(environment_variable(variable)));
}

/// Takes the white space from around the names, which come out of files and forms. Never from a secret: see
/// check_secret().
inline void trim_names(entra_settings& settings)
{
    for (std::string* const one :
         {&settings.tenant, &settings.client_id, &settings.authority_host, &settings.scope})
        *one = std::string(without_white_space_around(*one));
}

/// Refuses what is no secret as it stands, rather than guess which part of it was meant.
inline result<void> check_secret(std::string_view text)
{
    auto const refuse = [](std::string_view fault) {
        return error(errc::invalid_option, "the client secret " + std::string(fault));
    };
    if (text.empty())
        return refuse("is empty");
    if (without_white_space_around(text).size() != text.size())
        return refuse(
            "begins or ends with white space, as the line end of the file that it comes from: it is not "
            "sent like this");
    if (!has_no_control(text))
        return refuse("has line ends or other control characters in it: it is not sent like this");
    return result<void>();
}

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
    if (settings.client_id.find(' ') != std::string::npos || !has_no_control(settings.client_id))
        return error(errc::invalid_option, "the client id has blanks or control characters in it");
    std::string host = settings.authority_host;
    std::string const who = host.empty() ? "AZURE_AUTHORITY_HOST: " : "the authority host: ";
    if (host.empty())
        host = name_variable("AZURE_AUTHORITY_HOST");
    if (host.empty())
        host = "https://login.microsoftonline.com";
    if (host.find("://") == std::string::npos)
        host.insert(0, "https://");
    while (host.ends_with('/'))
        host.pop_back();
    auto endpoint = parse_url(host + "/" + settings.tenant + "/oauth2/v2.0/token");
    if (!endpoint)
        return error(errc::invalid_endpoint, who + endpoint.error().cause());
    if (!endpoint.value().is_https())
        return error(errc::invalid_endpoint, who + "it is not https");
    return endpoint;
}

/// The form of the grant, with a secret or an assertion as `proof`. There is room for all of it from the
/// start: it must not grow and leave pieces of the proof behind.
inline std::string grant_form(entra_settings const& settings, std::string_view proof_name,
                              std::string_view proof, std::string const& claims)
{
    constexpr std::size_t all_else = 2 * 1024;
    std::string out;
    out.reserve(3 * proof.size() + 3 * claims.size() + all_else);
    append_form(out, "client_id", settings.client_id);
    if (proof_name == "client_assertion")
        append_form(out, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    append_form(out, proof_name, proof);
    append_form(out, "grant_type", "client_credentials");
    append_form(out, "scope", settings.scope);
    if (!claims.empty())
        append_form(out, "claims", claims);
    return out;
}

/// The proof as it is and as the form has it: what no error may show.
inline std::vector<std::string> grant_secrets(std::string const& proof)
{
    std::vector<std::string> out;
    out.reserve(2);
    out.push_back(proof);
    std::string& encoded = out.emplace_back();
    encoded.reserve(3 * proof.size() + 1);
    append_form(encoded, "", proof);
    encoded.erase(0, 1); // the '=' behind no name
    return out;
}

/// What a token request that failed means. Entra says "invalid_client" and the like with 400 or 401: that is
/// the authority's refusal, which has nothing to do with the proxy and its topics.
template <class = void>
error explain_refusal(std::string const& who, error const& failure, std::string_view body,
                      std::vector<std::string> const& secrets)
{
    diagnostics about = failure.info();
    int const status = about.http_status;
    if (status == 0)
        return error(failure.code(), std::move(about),
                     who + ": the token request failed: " + failure.cause());
    read_authority_error(body, secrets, about);
    if (status < 400 || status >= 500 || status == 408 || status == 429) {
        std::string const cause =
            who + " answered the token request with " + failure_in_words(failure, about);
        return error(failure.code(), std::move(about), cause);
    }
    std::string const cause = who + " refused the token request: " + refusal_in_words(about);
    return error(errc::token_refused, std::move(about), cause);
}

/// Asks the token endpoint for the client-credentials grant and reads the answer. `grant` has its source's
/// name.
template <class = void>
task ask_entra(operation_ptr op, transport_ptr http, url endpoint, entra_settings const& settings,
               std::string_view proof_name, secret const& proof, std::string const& claims,
               token_grant& grant)
{
    call_label info("token", std::string());
    info.request_id = http->random().uuid();
    http_request request("POST", endpoint.path);
    request.add("Content-Type", "application/x-www-form-urlencoded");
    request.add("Accept", "application/json");
    request.add("Accept-Encoding", "identity");
    request.add("User-Agent", http->settings().user_agent);
    request.add("client-request-id", info.request_id);
    request.body(grant_form(settings, proof_name, proof.text(), claims));
    call_request spec(std::move(request), std::move(info), http->pool(endpoint));
    constexpr std::size_t largest_answer = 64 * 1024;
    spec.limits.body(largest_answer);
    spec.retry = http->settings().retry;
    spec.secrets = grant_secrets(proof.text());
    call_answer answer;
    auto const outcome = co_await call<>(op, http, spec, answer);
    std::string const who = grant.source + ": the authority " + endpoint.host_field();
    if (!outcome)
        co_return explain_refusal(who, outcome.error(), answer.response.body_text(), spec.secrets);
    std::string const from = who + " answered the token request, and the answer";
    auto parsed = parse_token_response(answer.response.body_text(), std::chrono::system_clock::now(), from);
    answer.response.cleanse();
    if (!parsed)
        co_return answer.unreadable(parsed.error());
    grant.token = std::move(parsed).value();
    co_return result<void>();
}

} // namespace hdikafka::inline v0_1::detail

#endif
