// Addresses as text: told apart from names, and from the loopback.
#ifndef HDIKAFKA_DETAIL_HTTP_IP_ADDRESS_HPP
#define HDIKAFKA_DETAIL_HTTP_IP_ADDRESS_HPP

#include <hdikafka/version.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hdikafka::inline v0_1::detail {

/// Four decimal numbers without leading zeros. The shorter, octal and hexadecimal spellings that
/// inet_aton takes are no addresses here (RFC 3986 §7.4).
inline std::optional<std::array<std::uint8_t, 4>> parse_ipv4(std::string_view text) noexcept
{
    std::array<std::uint8_t, 4> address{};
    for (std::size_t i = 0; i != address.size(); ++i) {
        auto const end = std::min(text.find('.'), text.size());
        auto const part = text.substr(0, end);
        if (part.empty() || part.size() > 3 || (part.size() > 1 && part.front() == '0'))
            return std::nullopt;
        unsigned value = 0;
        for (char const character : part) {
            if (character < '0' || character > '9')
                return std::nullopt;
            value = value * 10 + static_cast<unsigned>(character - '0');
        }
        bool const last = i + 1 == address.size();
        if (value > 255 || last != (end == text.size()))
            return std::nullopt;
        address[i] = static_cast<std::uint8_t>(value);
        text.remove_prefix(last ? end : end + 1);
    }
    return address;
}

/// RFC 4291 §2.2: eight groups, one "::" for two or more of them at most, the last two perhaps as IPv4.
/// No brackets and no zone.
class ipv6_text
{
public:
    using address = std::array<std::uint8_t, 16>;

    static std::optional<address> parse(std::string_view text) noexcept
    {
        ipv6_text parser;
        return parser.read(text) ? std::optional(parser.bytes_) : std::nullopt;
    }

private:
    bool read(std::string_view text) noexcept
    {
        std::optional<std::size_t> gap; // where the zeros of "::" go
        if (text.starts_with("::")) {
            gap = 0;
            text.remove_prefix(2);
        }
        while (!text.empty()) {
            auto const end = std::min(text.find(':'), text.size());
            if (!read_group(text.substr(0, end), end == text.size()))
                return false;
            text.remove_prefix(end);
            if (text.empty())
                break;
            text.remove_prefix(1);
            if (text.empty())
                return false; // a single colon at the end
            if (text.front() == ':') {
                if (gap)
                    return false;
                gap = size_;
                text.remove_prefix(1);
            }
        }
        if (!gap)
            return size_ == bytes_.size();
        if (size_ > bytes_.size() - 2)
            return false;
        std::rotate(bytes_.begin() + static_cast<std::ptrdiff_t>(*gap),
                    bytes_.begin() + static_cast<std::ptrdiff_t>(size_), bytes_.end());
        return true;
    }

    bool read_group(std::string_view group, bool last) noexcept
    {
        if (auto const v4 = last ? parse_ipv4(group) : std::nullopt; v4 && size_ <= bytes_.size() - 4) {
            for (auto const byte : *v4)
                bytes_[size_++] = byte;
            return true;
        }
        if (group.empty() || group.size() > 4 || size_ > bytes_.size() - 2)
            return false;
        unsigned value = 0;
        for (char const character : group) {
            auto const digit = std::string_view("0123456789abcdefABCDEF").find(character);
            if (digit == std::string_view::npos)
                return false;
            value = value * 16 + static_cast<unsigned>(digit < 16 ? digit : digit - 6);
        }
        bytes_[size_++] = static_cast<std::uint8_t>(value >> 8);
        bytes_[size_++] = static_cast<std::uint8_t>(value & 0xff);
        return true;
    }

    address bytes_{};
    std::size_t size_ = 0;
};

inline bool is_ip_address(std::string_view host) noexcept
{
    return parse_ipv4(host) || ipv6_text::parse(host);
}

/// "localhost" or a name below it, which by RFC 6761 §6.3 is this machine. `host` is in lower case.
inline bool is_localhost(std::string_view host) noexcept
{
    return host == "localhost" || host.ends_with(".localhost");
}

/// "localhost", 127.0.0.0/8 or ::1 (also written as an IPv4-mapped address). `host` is in lower case and
/// without brackets.
inline bool is_loopback(std::string_view host) noexcept
{
    if (host == "localhost")
        return true;
    if (auto const v4 = parse_ipv4(host))
        return v4->front() == 127;
    auto const v6 = ipv6_text::parse(host);
    if (!v6)
        return false;
    ipv6_text::address const one{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    std::array<std::uint8_t, 13> const mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127};
    return *v6 == one || std::equal(mapped.begin(), mapped.end(), v6->begin());
}

} // namespace hdikafka::inline v0_1::detail

#endif
