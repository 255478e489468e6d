// What an HTTP proxy wants that refuses a tunnel with 407: pure words.
#ifndef HDIKAFKA_DETAIL_NET_PROXY_REFUSAL_HPP
#define HDIKAFKA_DETAIL_NET_PROXY_REFUSAL_HPP

#include <hdikafka/detail/http/head.hpp>
#include <hdikafka/detail/http/scan.hpp>
#include <hdikafka/detail/http/syntax.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

/// Cuts the schemes out of the challenges of one field (RFC 9110 §11.6.1): a list, in which the parameters of
/// a challenge are elements like the challenges themselves.
class challenge_schemes
{
public:
    explicit challenge_schemes(std::string_view value) noexcept : rest_(value) {}

    /// False after the last one.
    bool next(std::string_view& scheme) noexcept
    {
        while (!rest_.empty()) {
            auto const element = trim_blanks(take_element());
            scheme = element.substr(0, token_size(element));
            auto const behind = trim_blanks(element.substr(scheme.size()));
            if (!scheme.empty() && !behind.starts_with('=')) // that is a parameter
                return true;
        }
        return false;
    }

private:
    /// Up to the next comma that is not within quotes.
    std::string_view take_element() noexcept
    {
        bool quoted = false;
        std::size_t end = 0;
        for (; end < rest_.size() && (quoted || rest_[end] != ','); ++end) {
            if (rest_[end] == '"')
                quoted = !quoted;
            else if (quoted && rest_[end] == '\\')
                ++end;
        }
        auto const element = rest_.substr(0, end);
        rest_.remove_prefix(std::min(end + 1, rest_.size()));
        return element;
    }

    std::string_view rest_;
};

/// The name of a scheme, if it is a usual one: what else stands there may be a secret.
inline std::string_view usual_scheme(std::string_view name) noexcept
{
    for (std::string_view const usual : {"Basic", "Digest", "Kerberos", "Negotiate", "NTLM"})
        if (equals_ignoring_case(name, usual))
            return usual;
    return "a scheme of another name";
}

/// What a 407 says, and what to do; `shown`: whether it was shown credentials.
inline std::string wanted_credentials(http_head const& head, bool shown)
{
    constexpr std::size_t most = 8;
    std::vector<std::string_view> offered;
    for (std::size_t i = 0; i != head.size(); ++i) {
        challenge_schemes schemes(
            equals_ignoring_case(head.name(i), "proxy-authenticate") ? head.value(i) : std::string_view());
        for (std::string_view scheme; schemes.next(scheme) && offered.size() != most;)
            offered.push_back(usual_scheme(scheme));
    }
    auto const basic = [](std::string_view scheme) { return scheme == "Basic"; };
    if (offered.empty() || std::ranges::any_of(offered, basic))
        return shown ? ": it does not accept the user and the password"
                     : ": it wants a user and a password (http://user:password@host:port)";
    std::string out = ": it offers ";
    for (std::size_t i = 0; i != offered.size(); ++i)
        out += (i == 0 ? "" : ", ") + std::string(offered[i]);
    return out +
           ", and only Basic is spoken here; a proxy on this machine that speaks them can stand between";
}

} // namespace hdikafka::inline v0_1::detail

#endif
