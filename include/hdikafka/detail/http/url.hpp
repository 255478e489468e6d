// url: an endpoint's address, and the two encodings of text that requests are built with (RFC 3986,
// application/x-www-form-urlencoded).
#ifndef HDIKAFKA_DETAIL_HTTP_URL_HPP
#define HDIKAFKA_DETAIL_HTTP_URL_HPP

#include <hdikafka/detail/http/ip_address.hpp>
#include <hdikafka/detail/http/syntax.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/result.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// An absolute http or https URL in parts.
class url
{
public:
    url() = default;
    url(std::string scheme_name, std::string host_name, std::uint16_t port_number, std::string path_and_query)
        : scheme(std::move(scheme_name)),
          host(std::move(host_name)),
          port(port_number),
          path(std::move(path_and_query))
    {}

    std::string scheme;     ///< "http" or "https".
    std::string host;       ///< In lower case; an IPv6 address without its brackets.
    std::uint16_t port = 0; ///< The scheme's own if the text named none.
    std::string path;       ///< Starts with '/'; with the query if there is one.

    bool is_https() const noexcept { return scheme == "https"; }

    /// Whether the host is an IP address, which is never sent as SNI.
    bool host_is_address() const noexcept { return is_ip_address(host); }

    bool same_origin(url const& other) const
    {
        return port == other.port && host == other.host && scheme == other.scheme;
    }

    /// Host and port, as CONNECT wants them.
    std::string authority() const { return bracketed_host() + ":" + std::to_string(port); }

    /// The value of a Host field: the port only where it is not the scheme's own.
    std::string host_field() const
    {
        return port == (is_https() ? 443 : 80) ? bracketed_host() : authority();
    }

private:
    std::string bracketed_host() const
    {
        return host.find(':') != std::string::npos ? "[" + host + "]" : host;
    }
};

/// Cuts and checks a URL. The reason it gives never repeats what stands in the URL: that may be a
/// password or a signature.
class url_parser
{
public:
    explicit url_parser(std::string_view text) noexcept : rest_(text) {}

    result<url> parse()
    {
        char const* const reason = read();
        if (reason == nullptr)
            return std::move(url_);
        return error(errc::invalid_endpoint, std::string("the URL ") + reason);
    }

private:
    static constexpr std::size_t longest = 8192;
    static constexpr std::size_t longest_host = 253; // RFC 1035 §2.3.4
    static constexpr std::size_t longest_label = 63;

    /// Null, or what is wrong.
    char const* read()
    {
        if (rest_.empty())
            return "is empty";
        if (rest_.size() > longest)
            return "is too long";
        for (char const c : rest_)
            if (c <= ' ' || c >= 0x7f)
                return "has a blank, a control character or a character that is not ASCII";
        if (char const* reason = read_scheme())
            return reason;
        auto const end = std::min(rest_.find_first_of("/?#"), rest_.size());
        auto const authority = rest_.substr(0, end);
        rest_.remove_prefix(end);
        if (char const* reason = read_authority(authority))
            return reason;
        return read_path();
    }

    char const* read_scheme()
    {
        auto const end = rest_.find("://");
        if (end == std::string_view::npos)
            return "does not start with https://";
        url_.scheme = lower(rest_.substr(0, end));
        if (url_.scheme != "https" && url_.scheme != "http")
            return "does not start with https://";
        rest_.remove_prefix(end + 3);
        return nullptr;
    }

    char const* read_authority(std::string_view authority)
    {
        if (authority.find('@') != std::string_view::npos)
            return "has a user name or a password";
        std::string_view host = authority;
        std::optional<std::string_view> port;
        if (authority.starts_with('[')) {
            auto const end = authority.find(']');
            host = authority.substr(1, end == std::string_view::npos ? end : end - 1);
            if (end == std::string_view::npos || !ipv6_text::parse(host))
                return "has brackets without an IPv6 address in them";
            auto const behind = authority.substr(end + 1);
            if (!behind.empty() && behind.front() != ':')
                return "has something between its host and its port";
            if (!behind.empty())
                port = behind.substr(1);
            url_.host = lower(host);
        } else {
            auto const colon = authority.find(':');
            host = authority.substr(0, colon);
            if (colon != std::string_view::npos)
                port = authority.substr(colon + 1);
            url_.host = lower(host);
            if (char const* reason = check_name(url_.host))
                return reason;
        }
        url_.port = url_.is_https() ? 443 : 80;
        return port ? read_port(*port) : nullptr;
    }

    static char const* check_name(std::string_view host)
    {
        if (host.empty())
            return "has no host";
        if (host.size() > longest_host)
            return "has a host name that is too long";
        std::string_view label;
        for (std::size_t at = 0; at <= host.size(); at += label.size() + 1) {
            label = host.substr(at, std::min(host.find('.', at), host.size()) - at);
            if (label.empty() || label.size() > longest_label)
                return "has a host name with an empty or too long part";
            if (label.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") != std::string_view::npos)
                return "has a host name with a character that may not stand there";
        }
        // The resolver would take "127.1" or "0x7f000001" for an address, which no check here has seen.
        bool const number = label.find_first_not_of("0123456789") == std::string_view::npos ||
                            (label.starts_with("0x") &&
                             label.find_first_not_of("0123456789abcdef", 2) == std::string_view::npos);
        if (number && !parse_ipv4(host))
            return "has a host that is neither a name nor an IPv4 address of four numbers";
        return nullptr;
    }

    char const* read_port(std::string_view text)
    {
        unsigned port = 0;
        for (char const c : text) {
            if (c < '0' || c > '9')
                return "has a port that is not a number";
            port = std::min(port * 10 + static_cast<unsigned>(c - '0'), 65536U);
        }
        if (port == 0 || port > 65535)
            return "has a port that is not between 1 and 65535";
        url_.port = static_cast<std::uint16_t>(port);
        return nullptr;
    }

    char const* read_path()
    {
        constexpr std::string_view hex = "0123456789abcdefABCDEF";
        for (std::size_t i = 0; i != rest_.size(); ++i) {
            if (rest_[i] == '#')
                return "has a fragment";
            if (std::string_view("\"<>[]\\^`{|}").find(rest_[i]) != std::string_view::npos)
                return "has a character in its path that must be percent-encoded";
            if (rest_[i] == '%' &&
                (rest_.size() - i < 3 || hex.find(rest_[i + 1]) == std::string_view::npos ||
                 hex.find(rest_[i + 2]) == std::string_view::npos))
                return "has a '%' in its path without two hexadecimal digits";
        }
        url_.path = rest_.starts_with('/') ? std::string(rest_) : "/" + std::string(rest_);
        return nullptr;
    }

    static std::string lower(std::string_view text)
    {
        std::string out(text);
        std::ranges::transform(out, out.begin(), &ascii_lower);
        return out;
    }

    std::string_view rest_;
    url url_;
};

/// An absolute http or https URL without user, password and fragment; anything else is
/// errc::invalid_endpoint with the reason.
inline result<url> parse_url(std::string_view text) { return url_parser(text).parse(); }

/// Appends `text` with everything percent-encoded but letters, digits and the characters of `plain`.
inline void append_percent_encoded(std::string& out, std::string_view text, std::string_view plain)
{
    constexpr std::string_view digits = "0123456789ABCDEF";
    char const* const end = text.data() + text.size();
    for (char const* at = text.data(); at != end; ++at) {
        char const* const start = at;
        at = std::find_if_not(at, end, [plain](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   plain.find(c) != std::string_view::npos;
        });
        out.append(start, at);
        if (at == end)
            break;
        auto const byte = static_cast<unsigned char>(*at);
        out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
}

/// Appends `text` without its percent-encoding, with `plus_is_blank` also that of forms. False when a '%' has
/// no two hexadecimal digits behind it.
inline bool append_percent_decoded(std::string& out, std::string_view text, bool plus_is_blank = false)
{
    for (std::size_t at = 0; at != text.size(); ++at) {
        if (text[at] != '%') {
            out += plus_is_blank && text[at] == '+' ? ' ' : text[at];
            continue;
        }
        auto const digits = text.substr(at + 1, 2);
        unsigned value = 0;
        char const* const end = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr;
        if (end - digits.data() != 2)
            return false;
        out += static_cast<char>(static_cast<unsigned char>(value));
        at += 2;
    }
    return true;
}

/// What a path segment or query value keeps besides letters and digits (RFC 3986 §2.3).
inline constexpr std::string_view unreserved_marks = "-._~";

/// Appends `name=value` to a form body, after '&' unless it is the first one (URL standard §5.2).
inline void append_form(std::string& body, std::string_view name, std::string_view value)
{
    auto const append = [&body](std::string_view text) {
        for (std::size_t at = 0; at <= text.size();) {
            auto const space = std::min(text.find(' ', at), text.size());
            append_percent_encoded(body, text.substr(at, space - at), "*-._");
            if (space != text.size())
                body += '+';
            at = space + 1;
        }
    };
    if (!body.empty())
        body += '&';
    append(name);
    body += '=';
    append(value);
}

} // namespace hdikafka::inline v0_1::detail

#endif
