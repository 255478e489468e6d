// Entra's part of the emulator: the token endpoint and the documents by which clients find it.
#ifndef HDIKAFKA_DETAIL_EMULATOR_IDENTITY_HPP
#define HDIKAFKA_DETAIL_EMULATOR_IDENTITY_HPP

#include <hdikafka/detail/emulator/authority.hpp>
#include <hdikafka/detail/emulator/message.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail::emulation {

/// "2026-11-22 18:47:09Z", as Entra's errors have it.
inline std::string entra_timestamp(emulator_time now)
{
    auto const day = std::chrono::floor<std::chrono::days>(now);
    std::chrono::year_month_day const date(day);
    std::chrono::hh_mm_ss const time(std::chrono::floor<std::chrono::seconds>(now - day));
    auto const digits = [](std::int64_t number, std::size_t width) {
        std::string text = std::to_string(number);
        text.insert(0, width - std::min(width, text.size()), '0');
        return text;
    };
    return digits(static_cast<int>(date.year()), 4) + "-" + digits(static_cast<unsigned>(date.month()), 2) +
           "-" + digits(static_cast<unsigned>(date.day()), 2) + " " + digits(time.hours().count(), 2) + ":" +
           digits(time.minutes().count(), 2) + ":" + digits(time.seconds().count(), 2) + "Z";
}

/// The request's client-request-id if it looks like one, else a new one.
inline std::string correlation_id(emulator_visit const& visit)
{
    constexpr std::string_view allowed = "0123456789abcdefABCDEF-";
    std::string_view const sent = visit.request.request_id;
    if (sent.size() == 36 && sent.find_first_not_of(allowed) == std::string_view::npos)
        return std::string(sent);
    return random_uuid(visit.random);
}

inline emulator_answer entra_error(emulator_refusal const& refusal, emulator_visit const& visit)
{
    std::string const trace = random_uuid(visit.random);
    std::string const correlation = correlation_id(visit);
    std::string const timestamp = entra_timestamp(visit.now);
    std::string const code = std::to_string(refusal.code);
    std::string const description = "AADSTS" + code + ": " + refusal.description + " Trace ID: " + trace +
                                    " Correlation ID: " + correlation + " Timestamp: " + timestamp;
    std::string body = R"({"error":)" + json_text(refusal.error) + R"(,"error_description":)" +
                       json_text(description) + R"(,"error_codes":[)" + code + R"(],"timestamp":")" +
                       timestamp + R"(","trace_id":")" + trace + R"(","correlation_id":")" + correlation +
                       "\"}";
    return emulator_answer(refusal.status, std::move(body)).field("Cache-Control", "no-store, no-cache");
}

/// What an authority in trouble says with this status.
inline emulator_answer entra_failure(int status, std::string_view why, emulator_visit const& visit)
{
    emulator_refusal refusal{status, "invalid_request", 9002313,
                             "Invalid request. Request is malformed or invalid."};
    if (status == 401)
        refusal = {status, "invalid_client", 7000215, "Invalid client secret provided."};
    else if (status == 429)
        refusal = {status, "temporarily_unavailable", 90055, "There are too many incoming requests."};
    else if (status >= 500)
        refusal = {status, "temporarily_unavailable", 90033,
                   "A transient error has occurred. Please try again."};
    refusal.description += " (" + std::string(why) + ")";
    return entra_error(refusal, visit);
}

/// The address that the caller used, so that what it is sent to next is reachable for it too.
inline std::string authority_url(std::string_view host, std::string const& path)
{
    return "https://" + std::string(host) + path;
}

/// POST /{tenant}/oauth2/v2.0/token
inline emulator_answer token_answer(emulator_authority& authority, std::string_view tenant,
                                    emulator_visit const& visit)
{
    emulator_request const& request = visit.request;
    if (auto refusal = authority.check_tenant(tenant))
        return entra_error(*refusal, visit);
    std::string_view const type = request.content_type.value_or("");
    if (!equals_ignoring_case(trim_blanks(type.substr(0, type.find(';'))),
                              "application/x-www-form-urlencoded"))
        return entra_error({400, "invalid_request", 900144,
                            "The request body must contain the following parameter: 'grant_type'. "
                            "(Content-Type must be application/x-www-form-urlencoded.)"},
                           visit);
    auto const form = parse_form(request.body);
    if (!form)
        return entra_error({400, "invalid_request", 9000410, "Malformed form: an escape is not %XX."}, visit);
    std::string const token_url =
        authority_url(request.host, "/" + std::string(tenant) + "/oauth2/v2.0/token");
    if (auto refusal = authority.check_request(*form, token_url, visit.now))
        return entra_error(*refusal, visit);

    std::string const lifetime = std::to_string(authority.options().token_lifetime().count());
    std::string body =
        "{\"token_type\":\"Bearer\",\"expires_in\":" + lifetime + ",\"ext_expires_in\":" + lifetime;
    if (auto const refresh_in = authority.options().token_refresh_in())
        body += ",\"refresh_in\":" + std::to_string(refresh_in->count());
    std::string_view const claims = single_value(*form, "claims").value_or("");
    body += ",\"access_token\":\"" + authority.issue(visit.now, visit.random, claims) + "\"}";
    return emulator_answer(200, std::move(body)).field("Cache-Control", "no-store, no-cache");
}

/// GET /{tenant}/v2.0/.well-known/openid-configuration
inline emulator_answer openid_answer(emulator_authority const& authority, std::string_view tenant,
                                     emulator_visit const& visit)
{
    if (auto refusal = authority.check_tenant(tenant))
        return entra_error(*refusal, visit);
    std::string const root = authority_url(visit.request.host, "/" + std::string(tenant));
    std::string body = R"({"issuer":)" + json_text(root + "/v2.0");
    body += R"(,"token_endpoint":)" + json_text(root + "/oauth2/v2.0/token");
    body += R"(,"authorization_endpoint":)" + json_text(root + "/oauth2/v2.0/authorize");
    body += R"(,"device_authorization_endpoint":)" + json_text(root + "/oauth2/v2.0/devicecode");
    body += R"(,"jwks_uri":)" + json_text(root + "/discovery/v2.0/keys");
    body += ",\"token_endpoint_auth_methods_supported\":[\"client_secret_post\",\"private_key_jwt\"],"
            "\"response_types_supported\":[\"token\"],\"subject_types_supported\":[\"pairwise\"],"
            "\"id_token_signing_alg_values_supported\":[\"RS256\"]}";
    return emulator_answer(200, std::move(body));
}

/// GET /common/discovery/instance?authorization_endpoint=https://host/tenant/oauth2/v2.0/authorize
inline emulator_answer instance_answer(emulator_target const& target, emulator_visit const& visit)
{
    auto const refuse = [&visit](std::string description) {
        return entra_error({400, "invalid_instance", 50049, std::move(description)}, visit);
    };
    auto const asked = single_value(target.query, "authorization_endpoint");
    if (!asked)
        return refuse("The parameter 'authorization_endpoint' is missing.");
    std::string_view rest = *asked;
    if (!rest.starts_with("https://"))
        return refuse("'authorization_endpoint' is not an https address.");
    rest.remove_prefix(8);
    std::string_view const host = rest.substr(0, rest.find('/'));
    rest.remove_prefix(host.size());
    if (!rest.empty())
        rest.remove_prefix(1);
    std::string_view const tenant = rest.substr(0, rest.find('/'));
    if (host.empty() || tenant.empty())
        return refuse("'authorization_endpoint' names no tenant.");

    std::string const quoted = json_text(host);
    std::string const bare = json_text(host.substr(0, host.find(':')));
    std::string const configuration = authority_url(
        visit.request.host, "/" + std::string(tenant) + "/v2.0/.well-known/openid-configuration");
    std::string body = R"({"tenant_discovery_endpoint":)" + json_text(configuration);
    body += ",\"api-version\":\"1.1\",\"metadata\":[{\"preferred_network\":" + quoted +
            ",\"preferred_cache\":" + quoted + ",\"aliases\":[" + quoted + "," + bare + "]}]}";
    return emulator_answer(200, std::move(body));
}

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
