// The little HTTP/1.1 that a server of POSTs needs. For http_peer.hpp.
#ifndef HDIKAFKA_EXAMPLES_SUPPORT_HTTP_REQUEST_HPP
#define HDIKAFKA_EXAMPLES_SUPPORT_HTTP_REQUEST_HPP

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace examples {

/// A POST with Content-Length, looked for at the beginning of what a peer has sent. Whatever might mean
/// something else to anybody on the way is refused.
class http_request
{
public:
    static constexpr std::size_t longest_head = 8'000;

    /// Views into `received`.
    http_request(std::string_view received, std::size_t longest_body)
    {
        std::size_t const end = received.find("\r\n\r\n");
        if (end > longest_head) { // or there is none
            refusal_ = received.size() > longest_head ? 431 : 0;
            return;
        }
        refusal_ = read_head(received.substr(0, end + 2), longest_body);
        if (refusal_ != 0 || received.size() - (end + 4) < length_)
            return;
        whole_ = true;
        size_ = end + 4 + length_;
        body_ = received.substr(end + 4, length_);
    }

    /// The status to refuse it with, or 0. Where the next request begins is unknown then: hang up.
    int refusal() const noexcept { return refusal_; }
    /// Whether nothing is missing, nor refused.
    bool whole() const noexcept { return whole_; }
    /// Whether the peer wants no other request on the connection.
    bool last() const noexcept { return last_; }
    /// How many bytes of what was received are the request.
    std::size_t size() const noexcept { return size_; }
    std::string_view body() const noexcept { return body_; }

private:
    /// Each line of it ends with CRLF.
    int read_head(std::string_view head, std::size_t longest_body)
    {
        auto const line_end = head.find("\r\n");
        auto const line = head.substr(0, line_end);
        auto const space = line.find(' ');
        if (!is_token(line.substr(0, space)) || !line.ends_with(" HTTP/1.1") ||
            std::ranges::count(line, ' ') != 2 || !std::ranges::all_of(line, printable))
            return 400;
        if (line.substr(0, space) != "POST")
            return 405;
        for (auto fields = head.substr(line_end + 2); !fields.empty();) {
            auto const field = fields.substr(0, fields.find("\r\n"));
            fields.remove_prefix(field.size() + 2);
            if (int const status = read_field(field, longest_body); status != 0)
                return status;
        }
        if (hosts_ != 1 || lengths_ > 1)
            return 400;
        return lengths_ == 0 ? 411 : length_ > longest_body ? 413 : 0;
    }

    int read_field(std::string_view field, std::size_t longest_body)
    {
        auto const colon = field.find(':');
        if (colon == std::string_view::npos || !is_token(field.substr(0, colon)))
            return 400; // a folded line, too
        auto const name = lower(field.substr(0, colon));
        auto const value = trimmed(field.substr(colon + 1));
        if (!std::ranges::all_of(value, [](char c) { return printable(c) || c == '\t'; }))
            return 400;
        if (name == "transfer-encoding")
            return 411; // the length, please
        if (name == "content-encoding")
            return 415;
        if (name == "expect")
            return 417;
        if (name == "connection")
            last_ = last_ || lower(value).find("close") != std::string::npos;
        if (name == "host")
            ++hosts_;
        return name == "content-length" ? read_length(value, longest_body) : 0;
    }

    int read_length(std::string_view value, std::size_t longest_body)
    {
        ++lengths_;
        if (value.empty() || !std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; }))
            return 400;
        for (char const c : value) // no further than too long
            length_ = std::min(length_ * 10 + static_cast<std::size_t>(c - '0'), longest_body + 1);
        return 0;
    }

    static bool printable(char c) noexcept { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; }

    static bool is_token(std::string_view text)
    {
        return !text.empty() &&
               text.find_first_not_of("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string_view::npos;
    }

    static std::string lower(std::string_view text)
    {
        std::string out(text);
        std::ranges::transform(out, out.begin(),
                               [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        return out;
    }

    static std::string_view trimmed(std::string_view text)
    {
        auto const first = std::min(text.find_first_not_of(" \t"), text.size());
        text.remove_prefix(first);
        return text.substr(0, text.find_last_not_of(" \t") + 1);
    }

    int refusal_ = 0;
    bool whole_ = false;
    bool last_ = false;
    int hosts_ = 0;
    int lengths_ = 0;
    std::size_t length_ = 0;
    std::size_t size_ = 0;
    std::string_view body_;
};

} // namespace examples

#endif
