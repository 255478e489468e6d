// URLs, and the addresses that are their hosts, held against inet_pton.
#include "fuzz.hpp"

#include <hdikafka/detail/http/syntax.hpp>
#include <hdikafka/detail/http/url.hpp>

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

namespace {

using fuzz::require;
using hdikafka::detail::parse_url;
using hdikafka::detail::url;

template <class Address>
void check_address(Address const& ours, int family, std::string const& text)
{
    std::array<std::uint8_t, 16> bytes{};
    bool const valid =
        text.find('\0') == std::string::npos && inet_pton(family, text.c_str(), bytes.data()) == 1;
    require(ours.has_value() == valid, "an address is one when inet_pton says so");
    require(!ours || std::equal(ours->begin(), ours->end(), bytes.begin()), "it is the same address");
}

void check_addresses(std::string const& text)
{
    check_address(hdikafka::detail::parse_ipv4(text), AF_INET, text);
    check_address(hdikafka::detail::ipv6_text::parse(text), AF_INET6, text);
}

void check(url const& parts)
{
    require(parts.scheme == "https" || parts.scheme == "http", "the scheme is one of two, in lower case");
    require(parts.port != 0, "there is a port");
    require(parts.path.starts_with('/'), "a path starts with a slash");
    require(hdikafka::detail::host_characters.spells(parts.host_field()), "the host can be sent");
    check_addresses(parts.host);

    auto const again = parse_url(parts.scheme + "://" + parts.host_field() + parts.path);
    require(static_cast<bool>(again), "a URL that is put together again is one");
    url const& same = again.value();
    require(same.scheme == parts.scheme && same.host == parts.host && same.port == parts.port &&
                same.path == parts.path,
            "its parts are the same");
    require(!hdikafka::detail::is_loopback(parts.host) || parts.host_is_address() ||
                parts.host == "localhost",
            "the loopback is an address, or has one name");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    auto const text = fuzz::as_text(data, size);
    check_addresses(std::string(text));
    auto const parsed = parse_url(text);
    if (parsed)
        check(parsed.value());
    else
        require(parsed.error().code() == hdikafka::errc::invalid_endpoint, "a refusal has one code");
    return 0;
}
