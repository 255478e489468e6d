// The authority's answer to a token request (RFC 6749 §5).
#ifndef HDIKAFKA_DETAIL_IDENTITY_TOKEN_RESPONSE_HPP
#define HDIKAFKA_DETAIL_IDENTITY_TOKEN_RESPONSE_HPP

#include <hdikafka/access_token.hpp>
#include <hdikafka/detail/base/secret.hpp>
#include <hdikafka/detail/base/utf8.hpp>
#include <hdikafka/detail/identity/expiry.hpp>
#include <hdikafka/detail/json/reader.hpp>
#include <hdikafka/detail/json/values.hpp>
#include <hdikafka/detail/rest/service_error.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// Tokens are visible ASCII (RFC 6750 §2.1); anything else could not be sent in a header field.
inline bool sendable_token(std::string_view token) noexcept
{
    return !token.empty() && std::ranges::all_of(token, [](char c) { return c > 0x20 && c < 0x7f; });
}

/// What an issuer's JSON says of a token, member by member; wiped like the token that is in it.
class issued_token
{
public:
    issued_token() = default;
    issued_token(issued_token const&) = delete;
    issued_token& operator=(issued_token const&) = delete;
    ~issued_token() { cleanse(token_); }

    /// Reads the token, the last of several. False only when there is no JSON value.
    bool read_token(json_reader& in)
    {
        cleanse(token_);
        seen_ = true;
        text_ = in.peek() == json_kind::string;
        return text_ ? read_text(in, token_) : in.skip();
    }

    /// The token; or what is wrong with the member `name`, in words that go on from `from`: who answered.
    result<access_token> take(std::string const& from, std::string_view name,
                              std::chrono::system_clock::time_point now) const
    {
        auto const refuse = [&](std::string_view fault) {
            return error(errc::invalid_token_response, from + " has " + std::string(fault));
        };
        std::string const field(name);
        if (!seen_)
            return refuse("no " + field);
        if (!text_)
            return refuse("an " + field + " that is no string");
        if (token_.empty())
            return refuse("an empty " + field);
        if (!sendable_token(token_))
            return refuse("an " + field + " with characters that no token has");
        access_token out(token_, life.lifetime(now));
        if (life.refresh_in && *life.refresh_in > 0)
            out.refresh_in(std::chrono::seconds(*life.refresh_in));
        return out;
    }

    token_life life;

private:
    std::string token_;
    bool seen_ = false;
    bool text_ = false;
};

/// What an answer is that is no JSON object.
inline char const* other_than_json(std::string_view body) noexcept
{
    body = without_white_space_around(without_byte_order_mark(body));
    if (body.empty())
        return " is empty";
    return body.front() == '<' ? " is a page of HTML or XML, not JSON" : " is not a JSON object";
}

/// `now` is the wall clock's time, for answers that tell only a moment; `from` says who answered. The cause
/// never quotes the body: it may hold the token.
template <class = void>
result<access_token> parse_token_response(std::string_view body, std::chrono::system_clock::time_point now,
                                          std::string const& from = "the answer")
{
    issued_token issued;
    json_reader in(without_byte_order_mark(body));
    bool const read = read_object(in, [&](std::string_view name) {
        if (name == "access_token")
            return issued.read_token(in);
        if (name == "expires_in")
            return token_life::read_span(in, issued.life.expires_in);
        if (name == "expires_on")
            return token_life::read_moment(in, issued.life.expires_on);
        if (name == "refresh_in")
            return token_life::read_span(in, issued.life.refresh_in);
        return in.skip();
    });
    if (!read || !in.finish())
        return error(errc::invalid_token_response, from + other_than_json(body));
    return issued.take(from, "access_token", now);
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
