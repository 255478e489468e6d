// What a WWW-Authenticate field asks for (RFC 9110 §11.6.1).
#ifndef HDIKAFKA_DETAIL_CALL_AUTH_CHALLENGE_HPP
#define HDIKAFKA_DETAIL_CALL_AUTH_CHALLENGE_HPP

#include <hdikafka/detail/base/base64.hpp>
#include <hdikafka/detail/http/response_parser.hpp>
#include <hdikafka/detail/http/syntax.hpp>
#include <hdikafka/detail/json/reader.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Takes a field's challenges apart, parameter by parameter. It is lenient: what it cannot make sense of it
/// passes over, for a challenge only ever helps.
class challenge_reader
{
public:
    explicit challenge_reader(std::string_view field) noexcept : rest_(field) {}

    /// The next parameter, of any challenge; false at the end.
    bool next()
    {
        while (skip_separators()) {
            std::string_view const word = take_word();
            std::string_view const after = trim_blanks(rest_);
            if (word.empty()) {
                rest_.remove_prefix(1);
            } else if (after.starts_with('=')) {
                rest_ = trim_blanks(after.substr(1));
                name = word;
                take_value();
                return true;
            } else {
                scheme = word;
            }
        }
        return false;
    }

    std::string_view scheme;
    std::string_view name;
    std::string value;

private:
    static constexpr std::string_view separators = " \t,";

    bool skip_separators()
    {
        rest_.remove_prefix(std::min(rest_.find_first_not_of(separators), rest_.size()));
        return !rest_.empty();
    }

    std::string_view take_word()
    {
        std::size_t const end = std::min(rest_.find_first_of(" \t,=\""), rest_.size());
        std::string_view const word = rest_.substr(0, end);
        rest_.remove_prefix(end);
        return word;
    }

    void take_value()
    {
        value.clear();
        if (!rest_.starts_with('"')) {
            // Paths and base64 come without quotes, too, with characters that no token may have.
            std::size_t const end = std::min(rest_.find_first_of(separators), rest_.size());
            value = rest_.substr(0, end);
            rest_.remove_prefix(end);
            return;
        }
        rest_.remove_prefix(1);
        while (!rest_.empty() && rest_.front() != '"') {
            if (rest_.front() == '\\' && rest_.size() > 1)
                rest_.remove_prefix(1);
            value += rest_.front();
            rest_.remove_prefix(1);
        }
        rest_.remove_prefix(std::min<std::size_t>(1, rest_.size()));
    }

    std::string_view rest_;
};

/// A parameter of the answer's first challenge that has it, in that scheme.
template <class = void>
std::optional<std::string> challenge_parameter(http_response const& response, std::string_view scheme,
                                               std::string_view name)
{
    for (std::size_t i = 0; i != response.field_count(); ++i) {
        if (!equals_ignoring_case(response.field_name(i), "www-authenticate"))
            continue;
        challenge_reader in(response.field_value(i));
        while (in.next())
            if (equals_ignoring_case(in.scheme, scheme) && equals_ignoring_case(in.name, name))
                return std::move(in.value);
    }
    return std::nullopt;
}

/// The claims that the next token must hold, as JSON: services send them in base64 of either kind. Empty when
/// there are none, or none that can be passed on.
template <class = void>
std::string demanded_claims(http_response const& response)
{
    constexpr std::size_t most = 8 * 1024;
    auto sent = challenge_parameter(response, "Bearer", "claims");
    if (!sent || sent->size() > most)
        return std::string();
    std::string text = std::move(*sent);
    if (!text.starts_with('{')) {
        while (text.ends_with('='))
            text.pop_back();
        std::ranges::replace(text, '+', '-');
        std::ranges::replace(text, '/', '_');
        text = base64_decode(text, base64_form::url).value_or(std::string());
    }
    json_reader in(text);
    bool const object = in.peek() == json_kind::object && in.skip() && in.finish();
    return object ? text : std::string();
}

} // namespace hdikafka::inline v0_1::detail

#endif
