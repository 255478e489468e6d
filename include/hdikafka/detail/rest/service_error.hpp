// What a failed answer means: status and body to an error.
#ifndef HDIKAFKA_DETAIL_REST_SERVICE_ERROR_HPP
#define HDIKAFKA_DETAIL_REST_SERVICE_ERROR_HPP

#include <hdikafka/detail/http/status.hpp>
#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/rest/answers.hpp>
#include <hdikafka/error.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

inline errc code_of_status(int status) noexcept
{
    switch (status) {
    case 401: return errc::unauthorized;
    case 403: return errc::forbidden;
    case 404: return errc::not_found;
    case 405: return errc::not_supported;
    case 408: return errc::service_failed;
    case 409: return errc::already_exists;
    case 413: return errc::too_large;
    case 429: return errc::throttled;
    default: break;
    }
    if (status >= 300 && status < 400)
        return errc::redirected;
    if (status >= 400 && status < 500)
        return errc::bad_request;
    return status >= 500 && status < 600 ? errc::service_failed : errc::unexpected_status;
}

/// Where a redirect leads to, as far as its Location tells. The host alone: what follows it may hold a
/// signature, and what stands before it a password.
template <class = void>
std::string describe_redirect(std::string_view location)
{
    if (location.empty())
        return "without a Location";
    // RFC 3986 §4.2: another host is named after a scheme, or by "//".
    auto const mark = location.find_first_of(":/?#");
    bool const absolute = mark != std::string_view::npos && location[mark] == ':';
    if (!absolute && !location.starts_with("//"))
        return "to another path of the same host";
    std::string_view const scheme = absolute ? location.substr(0, mark + 1) : "https:";
    std::string_view authority = location.substr(absolute ? mark + 1 : 0);
    if (authority.starts_with("//")) {
        authority.remove_prefix(2);
        authority = authority.substr(0, authority.find_first_of("/?#"));
        authority = authority.substr(authority.rfind('@') + 1);
        auto const target = parse_url(std::string(scheme) + "//" + std::string(authority));
        if (target)
            return "to " + target.value().host;
    }
    return "to a Location that is no URL of http or https";
}

/// The error for an answer that is no success. `location` is its Location field, or empty; `info` comes
/// with what the caller knows and leaves with what the answer says, `secrets` left out.
template <class = void>
error describe_status(int status, std::string_view body, std::string_view location, diagnostics info,
                      std::vector<std::string> const& secrets = {})
{
    service_words words = parse_service_words(body, secrets);
    errc code = code_of_status(status);
    if (status >= 400 && info.operation == "create_topic" &&
        words.message.find("already exists") != std::string::npos)
        code = errc::already_exists;
    info.http_status = status;
    info.retriable(transient_status(status) && code != errc::already_exists);
    std::string cause = "HTTP " + std::to_string(status) + ", ";
    cause += error_category::text(code);
    if (code == errc::redirected) {
        cause += ": " + describe_redirect(location);
    } else if (!words.message.empty() || !words.code.empty()) {
        // One line for what(); the whole text stays in info().
        constexpr std::size_t shown = 300;
        std::string_view const text = words.message.empty() ? words.code : words.message;
        cause += ": " + bounded_message(text, shown);
    }
    info.server_code = std::move(words.code);
    info.server_message = std::move(words.message);
    return error(code, std::move(info), cause);
}

} // namespace hdikafka::inline v0_1::detail

#endif
