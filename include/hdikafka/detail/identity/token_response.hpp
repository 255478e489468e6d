// The authority's answer to a token request (RFC 6749 §5).
#ifndef HDIKAFKA_DETAIL_IDENTITY_TOKEN_RESPONSE_HPP
#define HDIKAFKA_DETAIL_IDENTITY_TOKEN_RESPONSE_HPP

#include <hdikafka/access_token.hpp>
#include <hdikafka/detail/base/secret.hpp>
#include <hdikafka/detail/http/retry_after.hpp>
#include <hdikafka/detail/json/reader.hpp>
#include <hdikafka/detail/rest/service_error.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// A number of seconds that may be written as a number or as a string.
template <class = void>
bool read_seconds(json_reader& in, std::optional<std::int64_t>& out)
{
    if (in.peek() == json_kind::string) {
        std::string_view raw;
        if (!in.string(raw))
            return false;
        out = parse_count(raw);
        return out.has_value();
    }
    std::int64_t number = 0;
    if (!in.integer(number) || number < 0)
        return false;
    out = number;
    return true;
}

/// Tokens are visible ASCII (RFC 6750 §2.1); anything else could not be sent in a header field.
inline bool sendable_token(std::string_view token) noexcept
{
    return !token.empty() && std::ranges::all_of(token, [](char c) { return c > 0x20 && c < 0x7f; });
}

/// A file's text as it was meant: many editors and agents end the line.
inline std::string_view without_white_space_around(std::string_view text) noexcept
{
    constexpr std::string_view white_space = " \t\r\n";
    text.remove_suffix(text.size() - (text.find_last_not_of(white_space) + 1));
    text.remove_prefix(std::min(text.find_first_not_of(white_space), text.size()));
    return text;
}

/// The life of a token of which the end is told.
inline std::chrono::seconds life_until(std::int64_t end, std::chrono::system_clock::time_point now)
{
    return std::chrono::seconds(end) - std::chrono::floor<std::chrono::seconds>(now.time_since_epoch());
}

/// `now` is the wall clock's time, for answers that give only `expires_on`. The cause never quotes the
/// body: it may hold the token.
template <class = void>
result<access_token> parse_token_response(std::string_view body, std::chrono::system_clock::time_point now)
{
    std::string token;
    std::optional<std::int64_t> expires_in;
    std::optional<std::int64_t> expires_on;
    std::optional<std::int64_t> refresh_in;
    json_reader in(body);
    bool const read = read_object(in, [&](std::string_view name) {
        if (name == "access_token")
            return read_text(in, token);
        if (name == "expires_in")
            return read_seconds(in, expires_in);
        if (name == "expires_on")
            return read_seconds(in, expires_on);
        if (name == "refresh_in")
            return read_seconds(in, refresh_in);
        return in.skip();
    });
    secret const text(std::move(token));
    if (!read || !in.finish())
        return error(errc::invalid_token_response, "the authority's answer is not a token response");
    if (!sendable_token(text.text()))
        return error(errc::invalid_token_response, "the authority's answer has no usable access_token");

    std::chrono::seconds life(600);
    if (expires_in)
        life = std::chrono::seconds(*expires_in);
    else if (expires_on)
        life = life_until(*expires_on, now);
    access_token out(text.text(), life);
    if (refresh_in)
        out.refresh_in(std::chrono::seconds(*refresh_in));
    return out;
}

/// Adds what only an authority's errors have, in bounds; nothing of a body that is none.
template <class = void>
void read_authority_error(std::string_view body, std::vector<std::string> const& secrets, diagnostics& info)
{
    diagnostics out;
    auto const text = [&](json_reader& from, std::string& into) {
        if (from.peek() != json_kind::string)
            return from.skip();
        bool const read = read_text(from, into);
        redact(into, secrets);
        into = bounded_message(into);
        return read;
    };
    json_reader in(body);
    bool const read = read_object(in, [&](std::string_view name) {
        if (name == "suberror")
            return text(in, out.suberror);
        if (name == "trace_id")
            return text(in, out.trace_id);
        if (name == "correlation_id")
            return text(in, out.correlation_id);
        if (name == "claims")
            return text(in, out.claims);
        if (name != "error_codes" || in.peek() != json_kind::array)
            return in.skip();
        return read_array(in, [&] {
            constexpr std::size_t most = 16;
            std::int64_t number = 0;
            bool const integer = in.integer(number);
            if (integer && out.error_codes.size() < most)
                out.error_codes.push_back(number);
            return integer;
        });
    });
    if (!read || !in.finish())
        return;
    info.error_codes = std::move(out.error_codes);
    info.suberror = std::move(out.suberror);
    info.trace_id = std::move(out.trace_id);
    info.correlation_id = std::move(out.correlation_id);
    info.claims = std::move(out.claims);
}

} // namespace hdikafka::inline v0_1::detail

#endif
