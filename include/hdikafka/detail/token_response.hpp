// The authority's answer to a token request (RFC 6749 §5). Layer: formats (no I/O, no Asio).
#ifndef HDIKAFKA_DETAIL_TOKEN_RESPONSE_HPP
#define HDIKAFKA_DETAIL_TOKEN_RESPONSE_HPP

#include <hdikafka/access_token.hpp>
#include <hdikafka/detail/rest_response.hpp>
#include <hdikafka/detail/retry_after.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

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
    if (!read || !in.finish())
        return error(errc::invalid_token_response, "the authority's answer is not a token response");
    if (!sendable_token(token))
        return error(errc::invalid_token_response, "the authority's answer has no usable access_token");

    std::chrono::seconds life(600);
    if (expires_in)
        life = std::chrono::seconds(*expires_in);
    else if (expires_on)
        life = std::chrono::seconds(*expires_on) -
               std::chrono::floor<std::chrono::seconds>(now.time_since_epoch());
    access_token out(std::move(token), life);
    if (refresh_in)
        out.refresh_in(std::chrono::seconds(*refresh_in));
    return out;
}

} // namespace hdikafka::inline v0_1::detail

#endif
