// What the emulator's server hands to its routes and gets back: a request, its target taken apart, an answer.
#ifndef HDIKAFKA_DETAIL_EMULATOR_MESSAGE_HPP
#define HDIKAFKA_DETAIL_EMULATOR_MESSAGE_HPP

#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/detail/json/writer.hpp>
#include <hdikafka/version.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail::emulation {

/// A request as it was read; the texts live in the server's buffers.
class emulator_request
{
public:
    std::string_view method;
    std::string_view target;
    std::string_view host;
    std::optional<std::string_view> authorization;
    std::optional<std::string_view> content_type;
    std::optional<std::string_view> metadata;        ///< Metadata: "true" is what IMDS and Arc want.
    std::optional<std::string_view> forwarded_for;   ///< X-Forwarded-For.
    std::optional<std::string_view> identity_header; ///< X-IDENTITY-HEADER: App Service's.
    std::string_view request_id; ///< x-ms-client-request-id, or Entra's client-request-id.
    std::string_view body;
    std::uint64_t connection = 0; ///< Counts connections from 1.
    bool plain = false;           ///< It came without TLS, to where only the managed identities are.
};

/// What is to be done about a body that is yet to come.
enum class emulator_welcome : unsigned char
{
    refused, ///< The head alone decides the answer.
    little,  ///< Anybody may send a little here.
    all,     ///< Whoever asks has a good token.
};

/// What the server does with an answer.
enum class emulator_action : unsigned char
{
    send,
    drop,  ///< Closes the connection without a word.
    stall, ///< Says nothing until the peer gives up or the emulator stops.
};

class emulator_answer
{
public:
    emulator_answer() = default;
    emulator_answer(int answer_status, std::string json) : status(answer_status), body(std::move(json)) {}

    emulator_answer& field(std::string name, std::string value) &
    {
        fields.emplace_back(std::move(name), std::move(value));
        return *this;
    }
    emulator_answer&& field(std::string name, std::string value) &&
    {
        return std::move(field(std::move(name), std::move(value)));
    }

    int status = 200;
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body; ///< JSON, or nothing.
    emulator_action action = emulator_action::send;
    std::chrono::milliseconds delay{0}; ///< Before it is sent.
};

using emulator_pairs = std::vector<std::pair<std::string, std::string>>;

/// Takes `a=1&b=2` apart: a query, or an application/x-www-form-urlencoded body.
inline std::optional<emulator_pairs> parse_form(std::string_view text)
{
    emulator_pairs out;
    while (!text.empty()) {
        std::string_view const item = text.substr(0, text.find('&'));
        text.remove_prefix(item.size() == text.size() ? item.size() : item.size() + 1);
        if (item.empty())
            continue;
        std::size_t const equals = item.find('=');
        auto& [name, value] = out.emplace_back();
        if (!append_percent_decoded(name, item.substr(0, equals), true) ||
            !append_percent_decoded(value, equals == std::string_view::npos ? "" : item.substr(equals + 1),
                                    true))
            return std::nullopt;
    }
    return out;
}

/// The value of the only parameter of that name.
inline std::optional<std::string_view> single_value(emulator_pairs const& pairs, std::string_view name)
{
    std::optional<std::string_view> found;
    for (auto const& [key, value] : pairs)
        if (key == name) {
            if (found)
                return std::nullopt;
            found = value;
        }
    return found;
}

class emulator_target
{
public:
    std::vector<std::string> segments;
    emulator_pairs query;
};

/// Takes an origin-form target apart; nothing when an escape in it is malformed.
inline std::optional<emulator_target> parse_target(std::string_view target)
{
    emulator_target out;
    std::size_t const mark = target.find('?');
    std::string_view path = target.substr(0, mark);
    if (mark != std::string_view::npos) {
        auto query = parse_form(target.substr(mark + 1));
        if (!query)
            return std::nullopt;
        out.query = std::move(*query);
    }
    while (path.starts_with('/')) {
        path.remove_prefix(1);
        std::string_view const segment = path.substr(0, path.find('/'));
        path.remove_prefix(segment.size());
        if (!append_percent_decoded(out.segments.emplace_back(), segment))
            return std::nullopt;
    }
    return out;
}

/// The JSON string of text that a peer may have sent; what is not UTF-8 becomes question marks.
inline std::string json_text(std::string_view text)
{
    std::string out;
    if (append_json_string(out, text))
        return out;
    std::string ascii(text);
    for (char& c : ascii)
        if (static_cast<unsigned char>(c) >= 0x80)
            c = '?';
    append_json_string(out, ascii);
    return out;
}

/// The body of a refusal. No schema is published; these are the names that proxies for Kafka use.
inline emulator_answer proxy_error(int status, std::string_view message)
{
    return emulator_answer(status, R"({"error_code":)" + std::to_string(status) + R"(,"message":)" +
                                       json_text(message) + '}');
}

inline std::string_view reason_phrase(int status) noexcept
{
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "Unknown";
    }
}

/// The whole answer as it goes over the wire; to HEAD without its body (RFC 9110 §9.3.2).
inline std::string render(emulator_answer const& answer, bool keep_alive, bool head = false)
{
    std::string out;
    out.reserve(answer.body.size() + 512);
    out += "HTTP/1.1 ";
    append_json_integer(out, answer.status);
    out += ' ';
    out += reason_phrase(answer.status);
    out += "\r\nContent-Length: ";
    append_json_integer(out, answer.body.size());
    if (!answer.body.empty())
        out += "\r\nContent-Type: application/json; charset=utf-8";
    for (auto const& [name, value] : answer.fields) {
        out += "\r\n";
        out += name;
        out += ": ";
        out += value;
    }
    out += keep_alive ? "\r\n\r\n" : "\r\nConnection: close\r\n\r\n";
    if (!head)
        out += answer.body;
    return out;
}

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
