// Whether what answers at the address of the instance metadata service is that service: every network has
// something at 169.254.169.254, or lets something answer in its place. Pure decisions.
#ifndef HDIKAFKA_DETAIL_IDENTITY_IMDS_PLAN_HPP
#define HDIKAFKA_DETAIL_IDENTITY_IMDS_PLAN_HPP

#include <hdikafka/detail/base/utf8.hpp>
#include <hdikafka/detail/http/response_parser.hpp>
#include <hdikafka/detail/identity/expiry.hpp>
#include <hdikafka/detail/json/reader.hpp>
#include <hdikafka/detail/json/values.hpp>
#include <hdikafka/version.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Whether the instance metadata service shows itself in an answer: it names itself in Server, and its
/// refusals describe themselves. What does neither may still be a lookalike that has a token.
inline bool shows_imds(std::string_view server, std::string_view body)
{
    if (server.starts_with("IMDS"))
        return true;
    bool described = false;
    json_reader in(without_byte_order_mark(body));
    bool const read = read_object(in, [&](std::string_view name) {
        described = described || (name == "error_description" && in.peek() == json_kind::string);
        return in.skip();
    });
    return read && in.finish() && described;
}

inline bool shows_imds(http_response const& answer)
{
    return shows_imds(answer.field("server").value_or(std::string_view()), answer.body_text());
}

/// What answered, for an error: its status, its name, and what kind of thing it sent.
inline std::string stranger_in_words(http_response const& answer)
{
    std::string out = "HTTP " + std::to_string(answer.status);
    std::string_view const body = without_white_space_around(without_byte_order_mark(answer.body_text()));
    if (body.starts_with('<'))
        out += " with a page of HTML or XML";
    else
        out += body.empty() ? " with nothing" : " with other words";
    constexpr std::size_t shown = 60;
    if (auto const server = answer.field("server"); server && !server->empty())
        out += ", as \"" + std::string(server->substr(0, shown)) + '"';
    return out;
}

/// That there is no such service, for as long as it is not to be looked for again.
class imds_absence
{
public:
    /// A network that comes up late, or a machine that is given an identity, is noticed within a minute.
    static constexpr std::chrono::seconds lasts{60};

    void note(std::string where, std::string why, std::chrono::steady_clock::time_point now)
    {
        where_ = std::move(where);
        why_ = std::move(why);
        until_ = now + lasts;
    }

    /// Why it is not there; empty when that is not known (any more).
    std::string recall(std::string_view where, std::chrono::steady_clock::time_point now) const
    {
        return where == where_ && now < until_ ? why_ : std::string();
    }

private:
    std::string where_;
    std::string why_;
    std::chrono::steady_clock::time_point until_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
