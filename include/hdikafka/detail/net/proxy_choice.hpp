// Whether the service is reached through an HTTP proxy, through which one, and what it is asked for: pure
// decisions, and the one look at the environment that they need.
#ifndef HDIKAFKA_DETAIL_NET_PROXY_CHOICE_HPP
#define HDIKAFKA_DETAIL_NET_PROXY_CHOICE_HPP

#include <hdikafka/detail/base/base64.hpp>
#include <hdikafka/detail/base/environment.hpp>
#include <hdikafka/detail/base/secret.hpp>
#include <hdikafka/detail/http/ip_address.hpp>
#include <hdikafka/detail/http/request.hpp>
#include <hdikafka/detail/http/syntax.hpp>
#include <hdikafka/detail/http/url.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// An HTTP proxy: where it is, and what it is shown.
class proxy_settings
{
public:
    url address;
    secret authorization; ///< The value of Proxy-Authorization, or empty.
};

/// Cuts and checks a proxy's address. The reason it gives never repeats what stands there: that may be a
/// password.
class proxy_parser
{
public:
    explicit proxy_parser(std::string_view text) noexcept : rest_(text) {}

    /// `source` is what the error's cause begins with.
    result<proxy_settings> parse(std::string_view source)
    {
        std::string const reason = read();
        if (reason.empty())
            return std::move(settings_);
        return error(errc::invalid_option, std::string(source) + ": " + reason);
    }

private:
    /// Empty, or what is wrong.
    std::string read()
    {
        if (auto const end = rest_.find("://"); end != std::string_view::npos) {
            if (!equals_ignoring_case(rest_.substr(0, end), "http"))
                return "the URL does not start with http://, and no other kind of proxy is supported";
            rest_.remove_prefix(end + 3);
        }
        auto const authority = rest_.substr(0, rest_.find_first_of("/?#"));
        if (rest_.find('@', authority.size()) != std::string_view::npos)
            return "the URL has a '/', '?' or '#' in its user name or password: percent-encode it (%2F, %3F, "
                   "%23)";
        if (auto const end = authority.rfind('@'); end != std::string_view::npos) {
            if (char const* const reason = read_credentials(authority.substr(0, end)))
                return reason;
            rest_.remove_prefix(end + 1);
        }
        auto address = parse_url("http://" + std::string(rest_));
        if (!address)
            return address.error().cause();
        if (address.value().path != "/")
            return "the URL has a path or a query";
        settings_.address = std::move(address).value();
        return {};
    }

    /// Null, or what is wrong.
    char const* read_credentials(std::string_view text)
    {
        auto const colon = std::min(text.find(':'), text.size());
        std::string plain;
        plain.reserve(text.size() + 1); // so that no memory is left behind
        char const* const reason =
            append_credentials(plain, text.substr(0, colon), text.substr(std::min(colon + 1, text.size())));
        if (reason == nullptr && plain != ":") {
            std::string coded = base64_encode(plain, base64_form::standard);
            std::string value;
            constexpr std::string_view scheme = "Basic ";
            value.reserve(scheme.size() + coded.size());
            value.append(scheme).append(coded);
            cleanse(coded);
            settings_.authorization = secret(std::move(value));
        }
        cleanse(plain);
        return reason;
    }

    /// The user-pass of RFC 7617 §2. Null, or what is wrong.
    static char const* append_credentials(std::string& plain, std::string_view user,
                                          std::string_view password)
    {
        bool const decoded = append_percent_decoded(plain, user);
        bool const cut = plain.find(':') != std::string::npos;
        plain += ':';
        if (!decoded || !append_percent_decoded(plain, password))
            return "the URL has a '%' in its user name or password without two hexadecimal digits: "
                   "percent-encode it (%25)";
        if (cut)
            return "the URL has a ':' in its user name";
        auto const is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; };
        if (std::ranges::any_of(plain, is_control))
            return "the URL has a control character in its user name or password";
        return nullptr;
    }

    std::string_view rest_;
    proxy_settings settings_;
};

/// `http://[user[:password]@]host[:port]`, or the same without `http://`; user and password are
/// percent-decoded, and a '@' or ':' alone before the host means none. Without a port it is 80, the
/// scheme's own, as in Go and Python (curl has 1080). Anything else is errc::invalid_option.
inline result<proxy_settings> parse_proxy(std::string_view text, std::string_view source = "the HTTP proxy")
{
    return proxy_parser(text).parse(source);
}

/// What the environment says about proxies.
class proxy_variables
{
public:
    secret https_proxy;   ///< Empty when there is none. It may hold a password.
    std::string no_proxy; ///< What is reached without one.
};

/// HTTPS_PROXY, else https_proxy; NO_PROXY, else no_proxy. One that is empty counts as not there. ALL_PROXY
/// is not asked: what stands there is mostly a SOCKS proxy.
inline proxy_variables proxy_environment()
{
    auto const first_of = [](char const* name, char const* other) {
        std::string const text = environment_variable(name);
        return text.empty() ? environment_variable(other) : text;
    };
    proxy_variables out;
    out.https_proxy = secret(first_of("HTTPS_PROXY", "https_proxy"));
    out.no_proxy = first_of("NO_PROXY", "no_proxy");
    return out;
}

/// A URL's host and port as the entries of NO_PROXY see them. Names are never looked up.
class no_proxy_target
{
public:
    explicit no_proxy_target(url const& target)
        : host_(target.host), port_(target.port), address_(any_address(host_))
    {}

    /// Whether this one entry names the target. A broken entry names nothing.
    bool matches(std::string_view entry) const
    {
        if (entry == "*")
            return true;
        if (auto const slash = entry.find('/'); slash != std::string_view::npos)
            return is_in(entry.substr(0, slash), parse_decimal(entry.substr(slash + 1)));
        if (auto const v6 = ipv6_text::parse(entry)) // its colons are no port's
            return v6 == address_;
        bool const brackets = entry.starts_with('[');
        auto const end = entry.find(':', brackets ? entry.find(']') : 0);
        if (end != std::string_view::npos && parse_decimal(entry.substr(end + 1)) != port_)
            return false;
        auto name = entry.substr(0, end);
        if (brackets)
            return address_ && name.ends_with(']') &&
                   ipv6_text::parse(name.substr(1, name.size() - 2)) == address_;
        while (name.ends_with('.'))
            name.remove_suffix(1);
        if (address_)
            return any_address(name) == address_;
        return is_named(name);
    }

private:
    using address = ipv6_text::address;

    /// What ::ffff:0:0/96 has in front: IPv4 addresses as IPv6 (RFC 4291 §2.5.5.2).
    static constexpr std::size_t mapped_bits = 96;
    static constexpr address mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

    /// An IPv4 address becomes the IPv6 address that stands for it.
    static std::optional<address> any_address(std::string_view text)
    {
        auto const v4 = parse_ipv4(text);
        if (!v4)
            return ipv6_text::parse(text);
        address out = mapped;
        std::ranges::copy(*v4, out.end() - v4->size());
        return out;
    }

    static bool same_front(address const& a, address const& b, std::size_t bits)
    {
        auto const bytes = static_cast<std::ptrdiff_t>(bits / 8);
        if (!std::equal(a.begin(), a.begin() + bytes, b.begin()))
            return false;
        auto const rest = bits % 8;
        return rest == 0 || ((a[bits / 8] ^ b[bits / 8]) >> (8 - rest)) == 0;
    }

    /// Whether the target is an address of `network/bits`.
    bool is_in(std::string_view network, std::optional<std::uint64_t> bits) const
    {
        bool const v4 = parse_ipv4(network).has_value();
        auto const front = any_address(network);
        if (!address_ || !front || !bits || *bits > (v4 ? 32 : 128))
            return false;
        auto const size = static_cast<std::size_t>(*bits) + (v4 ? mapped_bits : 0);
        // An IPv4 address is in none of the networks that IPv6 has around them all, as ::/0.
        if (size < mapped_bits && same_front(*address_, mapped, mapped_bits))
            return false;
        return same_front(*address_, *front, size);
    }

    /// Whether `name` is the host or a domain above it.
    bool is_named(std::string_view name) const
    {
        if (name.starts_with("*."))
            name.remove_prefix(1);
        bool const only_below = name.starts_with('.');
        if (only_below)
            name.remove_prefix(1);
        if (name.size() > host_.size())
            return false;
        auto const above = host_.size() - name.size();
        if (!equals_ignoring_case(host_.substr(above), name))
            return false;
        return above == 0 ? !only_below : host_[above - 1] == '.';
    }

    std::string_view host_;
    std::uint64_t port_;
    std::optional<address> address_; ///< When the host is one.
};

/// Whether `no_proxy` (the text of NO_PROXY) names the target. Its entries stand between commas and blanks:
/// - `*`: everything;
/// - `example.com`: that host and those below it; `.example.com`, `*.example.com`: only those below it;
/// - `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]`: that address, in whatever spelling;
/// - each of those names and addresses with `:port` (then IPv6 needs its brackets): that port alone;
/// - `10.0.0.0/8`, `fd00::/8`: the addresses of that network.
inline bool bypasses_proxy(std::string_view no_proxy, url const& target)
{
    constexpr std::string_view separators = ", \t\r\n";
    no_proxy_target const sought(target);
    for (;;) {
        no_proxy.remove_prefix(std::min(no_proxy.find_first_not_of(separators), no_proxy.size()));
        if (no_proxy.empty())
            return false;
        auto const entry = no_proxy.substr(0, no_proxy.find_first_of(separators));
        if (sought.matches(entry))
            return true;
        no_proxy.remove_prefix(entry.size());
    }
}

/// The proxy that `target` is reached through, if any.
///
/// `option` is what the program said: nothing, a proxy, or an empty text for no proxy at all. It stands in
/// the place of the whole environment, NO_PROXY included: a program that names its proxy means it on every
/// machine. Only https goes through a proxy, because plain http is for this machine and the metadata
/// service, which no other machine reaches for us. For the same reason a loopback target never goes through
/// a proxy of the environment, and through the program's own only when that is on the loopback too (a
/// debugging proxy).
inline result<std::optional<proxy_settings>>
choose_proxy(url const& target, std::optional<std::string> const& option, proxy_variables const& environment)
{
    std::optional<proxy_settings> const none;
    std::string const& text = option ? *option : environment.https_proxy.text();
    bool const local = is_loopback(target.host);
    if (text.empty() || !target.is_https())
        return none;
    if (!option && (local || bypasses_proxy(environment.no_proxy, target)))
        return none;
    auto proxy = parse_proxy(text, option ? "the HTTP proxy" : "HTTPS_PROXY");
    if (!proxy)
        return proxy.error();
    if (local && !is_loopback(proxy.value().address.host))
        return none;
    return std::optional(std::move(proxy).value());
}

/// The bytes that ask `proxy` for a tunnel to `target` (RFC 9110 §9.3.6). They never hold anything of the
/// request that goes through it. A user agent that cannot be sent is left out: that request is refused for
/// it.
inline secret connect_request(url const& target, proxy_settings const& proxy, std::string_view user_agent)
{
    auto const host = field_value::host(target.authority());
    http_request request("CONNECT", host.text());
    if (!user_agent.empty() && request_fields::is_value(user_agent))
        request.add_own("User-Agent", user_agent);
    if (!proxy.authorization.empty())
        request.add_own("Proxy-Authorization", proxy.authorization.text());
    std::string out;
    if (auto const checked = request.check(host, nullptr))
        checked->append_to(out);
    request.cleanse();
    return secret(std::move(out));
}

} // namespace hdikafka::inline v0_1::detail

#endif
