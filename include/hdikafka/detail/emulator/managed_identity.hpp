// The endpoints at which Azure gives tokens to what runs in it: the instance metadata service (IMDS), App
// Service's, and that of Azure Arc's agent.
#ifndef HDIKAFKA_DETAIL_EMULATOR_MANAGED_IDENTITY_HPP
#define HDIKAFKA_DETAIL_EMULATOR_MANAGED_IDENTITY_HPP

#include <hdikafka/detail/emulator/authority.hpp>
#include <hdikafka/detail/emulator/message.hpp>
#include <hdikafka/detail/emulator/options.hpp>
#include <hdikafka/detail/http/syntax.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail::emulation {

/// Puts a key into the file that Arc's challenges name; false when it cannot be written.
using emulator_key_writer = std::function<bool(std::string_view key)>;

/// The body of a refusal by IMDS or Arc.
inline emulator_answer imds_error(int status, std::string_view error, std::string_view description)
{
    return emulator_answer(status, R"({"error":)" + json_text(error) + R"(,"error_description":)" +
                                       json_text(description) + '}');
}

/// What IMDS or Arc says with this status when it is in trouble.
inline emulator_answer imds_failure(int status, std::string_view why)
{
    return imds_error(status, status >= 500 ? "unknown" : "invalid_request", why);
}

/// The body of a refusal by App Service.
inline emulator_answer app_service_error(int status, std::string_view message)
{
    return emulator_answer(status, R"({"statusCode":)" + std::to_string(status) + R"(,"message":)" +
                                       json_text(message) + '}');
}

/// What one of the endpoints takes in its query besides api-version and resource.
class managed_identity_query
{
public:
    std::span<std::string_view const> versions; ///< The values of api-version.
    std::span<std::string_view const> ids;      ///< Each can name a user-assigned identity.
    std::string_view not_found;                 ///< What is said when there is no such identity.
};

inline constexpr std::array<std::string_view, 1> imds_versions{"2018-02-01"};
inline constexpr std::array<std::string_view, 3> imds_ids{"client_id", "object_id", "msi_res_id"};
inline constexpr managed_identity_query imds_query{imds_versions, imds_ids, "Identity not found"};

inline constexpr std::array<std::string_view, 1> app_service_versions{"2019-08-01"};
inline constexpr std::array<std::string_view, 4> app_service_ids{"client_id", "object_id", "principal_id",
                                                                 "mi_res_id"};
inline constexpr managed_identity_query app_service_query{
    app_service_versions, app_service_ids,
    "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."};

inline constexpr std::array<std::string_view, 2> arc_versions{"2019-11-01", "2020-06-01"};
inline constexpr managed_identity_query arc_query{arc_versions, {}, ""};

/// Why a request is refused.
class identity_fault
{
public:
    std::string_view error;
    std::string description;
};

/// Not synchronised, like the service that it belongs to.
class emulator_managed_identity
{
public:
    emulator_managed_identity(emulator_options options, emulator_key_writer write_key)
        : options_(std::move(options)), write_key_(std::move(write_key))
    {}

    /// GET /metadata/identity/oauth2/token
    emulator_answer imds(emulator_authority& authority, emulator_visit const& visit,
                         emulator_pairs const& query) const
    {
        auto fault = check_metadata(visit.request);
        if (!fault)
            fault = check_query(query, imds_query);
        return fault ? imds_error(400, fault->error, fault->description)
                     : long_answer(authority, visit, query);
    }

    /// GET /msi/token
    emulator_answer app_service(emulator_authority& authority, emulator_visit const& visit,
                                emulator_pairs const& query) const
    {
        auto const& shown = visit.request.identity_header;
        if (shown != options_.identity_header())
            return app_service_error(401, shown ? "X-IDENTITY-HEADER is not what IDENTITY_HEADER says."
                                                : "The request has no X-IDENTITY-HEADER.");
        if (auto const fault = check_query(query, app_service_query))
            return app_service_error(400, fault->description);
        return emulator_answer(200, grant(authority, visit, query) + '}');
    }

    /// GET /metadata/arc/identity/oauth2/token: whoever can read the agent's files may have a token.
    emulator_answer arc(emulator_authority& authority, emulator_visit const& visit,
                        emulator_pairs const& query)
    {
        auto fault = check_metadata(visit.request);
        if (!fault)
            fault = check_query(query, arc_query);
        if (fault)
            return imds_error(400, fault->error, fault->description);
        if (!take_key(visit.request.authorization.value_or("")))
            return challenge(visit.request.authorization.has_value(), visit.random);
        return long_answer(authority, visit, query);
    }

private:
    static constexpr std::string_view resource = "https://hib.azurehdinsight.net";
    static constexpr std::size_t max_keys = 64;

    static identity_fault invalid_request(std::string description)
    {
        return {"invalid_request", std::move(description)};
    }

    /// A browser that was lured here would not send the one field, and a proxy sends the other.
    static std::optional<identity_fault> check_metadata(emulator_request const& request)
    {
        if (!equals_ignoring_case(request.metadata.value_or(""), "true"))
            return invalid_request("Required metadata header not specified");
        if (request.forwarded_for)
            return invalid_request("Requests with an X-Forwarded-For header are not served");
        return std::nullopt;
    }

    std::optional<identity_fault> check_query(emulator_pairs const& query,
                                              managed_identity_query const& known) const
    {
        std::size_t named = 0;
        for (auto const& [name, value] : query) {
            bool const id = std::ranges::find(known.ids, name) != known.ids.end();
            named += id ? 1 : 0;
            if (!id && name != "api-version" && name != "resource")
                return invalid_request("Unknown query parameter '" + name + "'");
            if (!single_value(query, name))
                return invalid_request("Query parameter '" + name + "' is duplicated");
        }
        auto const version = single_value(query, "api-version");
        if (!version || std::ranges::find(known.versions, *version) == known.versions.end())
            return invalid_request("Query parameter 'api-version' must be " +
                                   std::string(known.versions.front()));
        auto const asked = single_value(query, "resource");
        if (!asked)
            return invalid_request("Required query parameter 'resource' is missing");
        if (*asked != resource && *asked != std::string(resource) + "/")
            return identity_fault{"invalid_resource",
                                  "AADSTS500011: The resource principal named " + std::string(*asked) +
                                      " was not found in the tenant named " + options_.tenant() +
                                      ". (The emulator knows only " + std::string(resource) + ".)"};
        if (named > 1)
            return invalid_request("More than one parameter names an identity");
        if (named == 1 && (options_.user_assigned_identity().empty() ||
                           single_value(query, "client_id") != options_.user_assigned_identity()))
            return invalid_request(std::string(known.not_found));
        return std::nullopt;
    }

    /// Whether these are credentials with a key that nobody has used yet.
    bool take_key(std::string_view authorization)
    {
        std::size_t const blank = authorization.find(' ');
        if (blank == std::string_view::npos || !equals_ignoring_case(authorization.substr(0, blank), "Basic"))
            return false;
        return std::erase(keys_, trim_blanks(authorization.substr(blank))) != 0;
    }

    emulator_answer challenge(bool again, emulator_random const& random)
    {
        std::string key = random_hex(random, 32);
        if (!write_key_ || !write_key_(key))
            return imds_failure(500, "The key cannot be written to " + options_.arc_key_file());
        if (keys_.size() == max_keys)
            keys_.pop_front();
        keys_.push_back(std::move(key));
        return imds_error(401, "unauthorized",
                          again ? "The key is none that was asked for, or was used already"
                                : "The key in the file that WWW-Authenticate names is required")
            .field("WWW-Authenticate", "Basic realm=" + options_.arc_key_file());
    }

    static void append_member(std::string& out, std::string_view name, std::string_view text)
    {
        out += out.empty() ? '{' : ',';
        out += json_text(name) + ':' + json_text(text);
    }

    /// All numbers are text, as they are in Azure.
    static void append_seconds(std::string& out, std::string_view name, std::chrono::seconds count)
    {
        append_member(out, name, std::to_string(count.count()));
    }

    static std::chrono::seconds since_1970(emulator_time time)
    {
        return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch());
    }

    /// What IMDS and Arc answer.
    emulator_answer long_answer(emulator_authority& authority, emulator_visit const& visit,
                                emulator_pairs const& query) const
    {
        std::string body = grant(authority, visit, query);
        append_seconds(body, "expires_in", options_.token_lifetime());
        append_seconds(body, "ext_expires_in", options_.token_lifetime());
        append_seconds(body, "not_before", since_1970(visit.now));
        return emulator_answer(200, body + '}');
    }

    /// What all answer, without the end.
    std::string grant(emulator_authority& authority, emulator_visit const& visit,
                      emulator_pairs const& query) const
    {
        std::string out;
        append_member(out, "access_token", authority.issue(visit.now, visit.random));
        append_member(out, "client_id", single_value(query, "client_id").value_or(options_.client_id()));
        append_seconds(out, "expires_on", since_1970(visit.now + options_.token_lifetime()));
        if (auto const refresh_in = options_.token_refresh_in())
            append_seconds(out, "refresh_in", *refresh_in);
        append_member(out, "resource", single_value(query, "resource").value_or(""));
        append_member(out, "token_type", "Bearer");
        return out;
    }

    emulator_options options_;
    emulator_key_writer write_key_;
    std::deque<std::string> keys_; ///< That were asked for and not used, the oldest first.
};

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
