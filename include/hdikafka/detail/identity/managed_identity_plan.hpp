// Who gives the machine's identity its tokens, what it is asked, and when again: pure decisions, and the one
// look at the environment that they need.
#ifndef HDIKAFKA_DETAIL_IDENTITY_MANAGED_IDENTITY_PLAN_HPP
#define HDIKAFKA_DETAIL_IDENTITY_MANAGED_IDENTITY_PLAN_HPP

#include <hdikafka/detail/base/environment.hpp>
#include <hdikafka/detail/base/secret.hpp>
#include <hdikafka/detail/call/retry.hpp>
#include <hdikafka/detail/http/request.hpp>
#include <hdikafka/detail/http/syntax.hpp>
#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/identity/settings.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/milliseconds.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// Who hands out a managed identity's tokens.
enum class identity_host : unsigned char
{
    app_service, ///< App Service, Functions, Container Apps: API version 2019-08-01.
    arc,         ///< The agent of Azure Arc on a machine outside Azure: 2019-11-01.
    imds,        ///< The instance metadata service of virtual machines: 2018-02-01.
};

/// For events and errors.
inline char const* source_name(identity_host host) noexcept
{
    switch (host) {
    case identity_host::app_service: return "managed identity (App Service)";
    case identity_host::arc: return "managed identity (Azure Arc)";
    case identity_host::imds: break;
    }
    return "managed identity (IMDS)";
}

/// What the environment says; empty where it says nothing.
class identity_variables
{
public:
    std::string identity_endpoint; ///< IDENTITY_ENDPOINT
    secret identity_header;        ///< IDENTITY_HEADER
    std::string server_thumbprint; ///< IDENTITY_SERVER_THUMBPRINT
    std::string imds_endpoint;     ///< IMDS_ENDPOINT
    std::string msi_endpoint;      ///< MSI_ENDPOINT
    std::string imds_authority;    ///< AZURE_POD_IDENTITY_AUTHORITY_HOST
};

inline identity_variables identity_environment()
{
    identity_variables out;
    out.identity_endpoint = environment_variable("IDENTITY_ENDPOINT");
    out.identity_header = secret(environment_variable("IDENTITY_HEADER"));
    out.server_thumbprint = environment_variable("IDENTITY_SERVER_THUMBPRINT");
    out.imds_endpoint = environment_variable("IMDS_ENDPOINT");
    out.msi_endpoint = environment_variable("MSI_ENDPOINT");
    out.imds_authority = environment_variable("AZURE_POD_IDENTITY_AUTHORITY_HOST");
    return out;
}

/// Whom the environment names, in the order in which Azure's own libraries look. Those that are not supported
/// are told by their variables, and never taken for another: one must not see the secret of the other.
inline result<identity_host> choose_identity_host(identity_variables const& variables)
{
    bool const endpoint = !variables.identity_endpoint.empty();
    if (endpoint && !variables.server_thumbprint.empty())
        return error(errc::no_credential, "managed identity: Service Fabric's endpoint "
                                          "(IDENTITY_SERVER_THUMBPRINT is set) is not supported");
    if (endpoint && !variables.identity_header.empty())
        return identity_host::app_service;
    // App Service sets this one too, for the programs of its first years.
    if (!variables.msi_endpoint.empty())
        return error(errc::no_credential,
                     "managed identity: the endpoint of Cloud Shell and Azure Machine Learning (MSI_ENDPOINT "
                     "is set) is not supported");
    return endpoint && !variables.imds_endpoint.empty() ? identity_host::arc : identity_host::imds;
}

/// The request for a token. Its field is one that a request forged by way of some other program lacks.
class identity_plan
{
public:
    /// What no error may show.
    std::vector<std::string> secrets() const
    {
        std::vector<std::string> out;
        if (host == identity_host::app_service)
            out.push_back(value.text());
        return out;
    }

    identity_host host = identity_host::imds;
    url endpoint;      ///< With the query.
    std::string field; ///< Its name…
    secret value;      ///< …and what it holds.
};

inline constexpr char const* imds_token_path = "/metadata/identity/oauth2/token";

/// IMDS without a query or a field: any answer shows that it is there.
inline url imds_probe(identity_plan const& plan)
{
    url out = plan.endpoint;
    out.path = imds_token_path;
    return out;
}

/// Adds a parameter to a URL's query.
inline void append_query(url& to, std::string_view name, std::string_view value)
{
    to.path += to.path.find('?') == std::string::npos ? '?' : '&';
    to.path.append(name) += '=';
    append_percent_encoded(to.path, value, unreserved_marks);
}

/// Refuses what no endpoint can be asked for; otherwise the `resource` for the scope.
inline result<std::string> resource_of(managed_identity_settings const& settings)
{
    int const named =
        !settings.client_id.empty() + !settings.object_id.empty() + !settings.resource_id.empty();
    if (named > 1)
        return error(errc::invalid_option, "managed identity: two of client_id, object_id and resource_id "
                                           "are set, which name one identity each");
    for (std::string const* const text :
         {&settings.client_id, &settings.object_id, &settings.resource_id, &settings.scope})
        if (!request_fields::is_value(*text))
            return error(errc::invalid_option, "managed identity: an id or the scope has control characters, "
                                               "or blanks around it");
    constexpr std::string_view all_permissions = "/.default";
    std::string const& scope = settings.scope;
    if (scope.size() <= all_permissions.size() || !scope.ends_with(all_permissions))
        return error(errc::invalid_option, "managed identity: the scope does not end in \"/.default\"");
    return scope.substr(0, scope.size() - all_permissions.size());
}

/// The URL of the chosen endpoint, without a query of ours.
inline result<url> identity_endpoint(identity_host host, identity_variables const& variables)
{
    bool const imds = host == identity_host::imds;
    std::string text = imds ? variables.imds_authority : variables.identity_endpoint;
    if (text.empty())
        text = "http://169.254.169.254";
    auto parsed = parse_url(text);
    if (!parsed)
        return error(errc::invalid_endpoint,
                     std::string(imds ? "AZURE_POD_IDENTITY_AUTHORITY_HOST: " : "IDENTITY_ENDPOINT: ") +
                         parsed.error().cause());
    url out = std::move(parsed).value();
    if (imds)
        out.path = imds_token_path;
    return out;
}

/// Whom to ask, and with what request.
inline result<identity_plan> plan_identity(managed_identity_settings const& settings,
                                           identity_variables const& variables)
{
    auto const resource = resource_of(settings);
    if (!resource)
        return resource.error();
    auto const host = choose_identity_host(variables);
    if (!host)
        return host.error();
    auto endpoint = identity_endpoint(host.value(), variables);
    if (!endpoint)
        return endpoint.error();

    identity_plan out;
    out.host = host.value();
    out.endpoint = std::move(endpoint).value();
    std::string_view version = "2018-02-01";
    std::string_view resource_id = "msi_res_id";
    out.field = "Metadata";
    out.value = secret("true");
    if (out.host == identity_host::app_service) {
        version = "2019-08-01";
        resource_id = "mi_res_id";
        out.field = "X-IDENTITY-HEADER";
        out.value = variables.identity_header;
        if (!request_fields::is_value(out.value.text()))
            return error(errc::invalid_option, "IDENTITY_HEADER has characters that no field may have");
    } else if (out.host == identity_host::arc) {
        version = "2019-11-01";
        if (!settings.client_id.empty() || !settings.object_id.empty() || !settings.resource_id.empty())
            return error(errc::invalid_option,
                         "managed identity: Azure Arc has no user-assigned identities, but one is named");
    }
    append_query(out.endpoint, "api-version", version);
    append_query(out.endpoint, "resource", resource.value());
    if (!settings.client_id.empty())
        append_query(out.endpoint, "client_id", settings.client_id);
    if (!settings.object_id.empty())
        append_query(out.endpoint, "object_id", settings.object_id);
    if (!settings.resource_id.empty())
        append_query(out.endpoint, resource_id, settings.resource_id);
    return out;
}

/// Whether and when IMDS is asked again, as its documentation asks for: it answers 404 while it is updated,
/// 410 for up to 70 s after that, and 429 or 5xx when it is busy.
class imds_retries
{
public:
    /// Whether an answer with this status may be another one later.
    static bool passes(int status) noexcept
    {
        return status == 404 || status == 408 || status == 410 || status == 429 ||
               (status >= 500 && status < 600);
    }

    /// Decides after a failed attempt: nullopt to give up, else how long to wait before the next one.
    /// `left` is the time to the deadline.
    std::optional<milliseconds> next(error const& failure, milliseconds left)
    {
        using namespace std::chrono_literals;
        int const status = failure.info().http_status;
        if (status == 0 ? !transient_failure(failure.code()) : !passes(status))
            return std::nullopt;
        int& made = status == 410 ? gone_ : others_;
        milliseconds delay = status == 410 ? 10s : 1s * (1 << made);
        if (made == (status == 410 ? 7 : 3))
            return std::nullopt;
        delay = std::max(delay, failure.info().retry_after.value_or(0ms));
        if (delay >= left)
            return std::nullopt;
        ++made;
        return delay;
    }

private:
    int gone_ = 0;
    int others_ = 0;
};

/// Whether nothing at all was reached.
inline bool unreachable(std::error_code code) noexcept
{
    return code == errc::connect_failed || code == errc::connect_timeout || code == errc::resolve_failed;
}

/// Whether a refusal means that there is no such identity here: the endpoints answer also where none is
/// assigned, and Docker Desktop answers in the place of IMDS.
inline bool lacks_identity(identity_host host, int status, std::string_view text)
{
    std::string words(text);
    std::ranges::transform(words, words.begin(), ascii_lower);
    if (status != 400)
        return host == identity_host::imds && status == 403 && words.find("unreachable") != std::string::npos;
    constexpr std::array<std::string_view, 6> known{
        "identity not found",      "identity found for specified",
        "msi found for specified", "no managed identity",
        "not been assigned",       "unable to load the proper managed identity"};
    return std::ranges::any_of(
        known, [&words](std::string_view one) { return words.find(one) != std::string::npos; });
}

/// Whether `path` is NAME.key right in `folder`, written without any detour.
inline bool is_arc_key_path(std::string_view path, std::string_view folder)
{
    constexpr std::string_view suffix = ".key";
    if (!path.starts_with(folder))
        return false;
    path.remove_prefix(folder.size());
    return path.starts_with('/') && path.find('/', 1) == std::string_view::npos && has_no_control(path) &&
           path.size() > suffix.size() + 1 && path.ends_with(suffix);
}

} // namespace hdikafka::inline v0_1::detail

#endif
