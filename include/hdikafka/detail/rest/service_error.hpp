// What a failed answer means: status and body to an error. What a server wrote is bounded, and shows no
// secret.
#ifndef HDIKAFKA_DETAIL_REST_SERVICE_ERROR_HPP
#define HDIKAFKA_DETAIL_REST_SERVICE_ERROR_HPP

#include <hdikafka/detail/http/retry_after.hpp>
#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/json/values.hpp>
#include <hdikafka/error.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// The service's words about a failure.
class service_words
{
public:
    std::string code;
    std::string message;
};

inline constexpr std::size_t max_server_message = 4096;

/// Cuts text to `most` bytes without splitting a UTF-8 sequence.
template <class = void>
std::string bounded_message(std::string_view text, std::size_t most = max_server_message)
{
    if (text.size() > most) {
        std::size_t end = most;
        while (most - end < 3 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
            --end;
        text = text.substr(0, end);
    }
    return std::string(text);
}

/// Reads `error_code`, `message`, `error.code`, `error.message`, and Entra's `error` and
/// `error_description`, in whatever mixture they come; `in` stands before the object.
template <class = void>
bool read_service_words(json_reader& in, service_words& out)
{
    auto const scalar = [&in](std::string& into) {
        if (in.peek() == json_kind::string)
            return read_text(in, into);
        std::string_view slice;
        bool const scalar_value = in.peek() == json_kind::number;
        if (!in.value(slice))
            return false;
        if (scalar_value)
            into = slice;
        return true;
    };
    return read_object(in, [&](std::string_view name) {
        if (name == "error_code" || name == "code")
            return scalar(out.code);
        if (name == "message" || name == "error_description")
            return scalar(out.message);
        if (name != "error")
            return in.skip();
        if (in.peek() != json_kind::object)
            return scalar(out.code);
        return read_object(in, [&](std::string_view inner) {
            if (inner == "code")
                return scalar(out.code);
            if (inner == "message")
                return scalar(out.message);
            return in.skip();
        });
    });
}

/// Whether `text` has a word of which a part lies on each side of `at`.
inline bool within_word(std::string_view text, std::size_t at) noexcept
{
    auto const in_word = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               static_cast<unsigned char>(c) >= 0x80;
    };
    return at > 0 && at < text.size() && in_word(text[at - 1]) && in_word(text[at]);
}

/// Takes every one of `secrets` out of a text that a server wrote: some repeat what they were sent. A short
/// one only where it is no part of a longer word: nothing would be left of most texts.
template <class = void>
void redact(std::string& text, std::vector<std::string> const& secrets)
{
    constexpr std::string_view instead = "REDACTED";
    constexpr std::size_t long_enough = 8;
    for (auto const& secret : secrets) {
        if (secret.empty())
            continue;
        std::size_t at = 0;
        while ((at = text.find(secret, at)) != std::string::npos) {
            bool const part = within_word(text, at) || within_word(text, at + secret.size());
            if (part && secret.size() < long_enough) {
                ++at;
                continue;
            }
            text.replace(at, secret.size(), instead);
            at += instead.size();
        }
    }
}

/// What a failed answer says: the fields above, and its bare text when it has no message of its own;
/// without `secrets`.
template <class = void>
service_words parse_service_words(std::string_view body, std::vector<std::string> const& secrets = {})
{
    json_reader in(body);
    service_words out;
    if (!read_service_words(in, out) || !in.finish())
        out = service_words();
    if (out.message.empty())
        out.message = std::string(body);
    redact(out.code, secrets);
    redact(out.message, secrets);
    out.code = bounded_message(out.code);
    out.message = bounded_message(out.message);
    return out;
}

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

/// Whether a service's words about a produce say that a record, or all of them, is too large: proxies pass on
/// what Kafka's client or broker says of that, with one status or another.
inline bool names_size(std::string_view text)
{
    constexpr auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    auto const holds = [text, lower](std::string_view words) {
        return !std::ranges::search(text, words, {}, lower).empty();
    };
    // Names of exceptions, error codes and settings, and what is said of nothing else.
    for (std::string_view const certain :
         {"recordtoolarge", "messagetoolarge", "message_too_large", "msg_size_too_large", "max.request.size",
          "message.max.bytes", "max.message.bytes"})
        if (holds(certain))
            return true;
    bool const large = holds("too large") || holds("too big") || holds("larger than the max");
    return large && (holds("record") || holds("message") || holds("request") || holds("body") ||
                     holds("payload") || holds("entity"));
}

/// Whether that is what a failed produce was told.
inline bool refuses_size(int status, std::string_view operation, std::string_view text)
{
    bool const possible = status == 400 || status == 422 || status == 500;
    return possible && (operation == "produce" || operation == "send") && names_size(text);
}

/// What a failure without an answer says, and what the caller of this operation can do about it.
template <class = void>
std::string advised(error const& failure, std::string_view operation)
{
    std::string cause = failure.cause();
    if (failure.code() == errc::body_too_large && operation == "fetch")
        cause += ": ask for fewer records";
    return cause;
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
    if (refuses_size(status, info.operation, words.message))
        code = errc::too_large;
    info.http_status = status;
    info.retriable(transient_status(status) && code != errc::already_exists && code != errc::too_large);
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
