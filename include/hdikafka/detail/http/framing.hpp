// How long a message's body is and whether the connection goes on, by the header fields alone (RFC 9112 §6
// and §9.3). Shared by response_parser and request_parser.
#ifndef HDIKAFKA_DETAIL_HTTP_FRAMING_HPP
#define HDIKAFKA_DETAIL_HTTP_FRAMING_HPP

#include <hdikafka/detail/http/head.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace hdikafka::inline v0_1::detail {

/// What the fields say about framing. With a fault only close() and content_coded() still mean something.
class message_framing
{
public:
    /// `http_1_0`: the message's version, which knows no transfer coding.
    message_framing(http_head const& head, bool http_1_0)
    {
        bool has_length = false;
        for (std::size_t i = 0; i != head.size(); ++i) {
            auto const is = [name = head.name(i)](std::string_view other) {
                return equals_ignoring_case(name, other);
            };
            if (is("connection")) {
                read_connection(head.value(i));
            } else if (is("content-length")) {
                read_length(head.value(i));
                has_length = true;
            } else if (is("transfer-encoding")) {
                read_codings(head.value(i));
            } else if (is("content-encoding")) {
                read_content_codings(head.value(i));
            }
        }
        if (codings_ == 0)
            return;
        if (has_length)
            fault_ =
                http_fault(errc::ambiguous_framing, "Content-Length and Transfer-Encoding came together");
        else if (http_1_0)
            fault_ = http_fault(errc::bad_transfer_encoding, "Transfer-Encoding came with HTTP/1.0");
        else if (codings_ != 1 || !last_is_chunked_)
            fault_ = http_fault(errc::bad_transfer_encoding, "Transfer-Encoding is not chunked alone");
    }

    http_fault const& fault() const noexcept { return fault_; }
    bool chunked() const noexcept { return codings_ != 0; }
    std::optional<std::uint64_t> length() const noexcept { return length_; }

    /// One of the Connection options is "close"; it wins over "keep-alive".
    bool close() const noexcept { return close_; }

    /// There is a Content-Encoding other than "identity".
    bool content_coded() const noexcept { return content_coded_; }

    /// The one fault is that codings below "chunked" are not supported here.
    bool other_codings() const noexcept
    {
        return fault_.code() == errc::bad_transfer_encoding && codings_ > 1 && last_is_chunked_ &&
               well_formed_;
    }

private:
    void read_connection(std::string_view value) noexcept
    {
        list_elements options(value);
        for (std::string_view option; options.next(option);)
            close_ = close_ || equals_ignoring_case(option, "close");
    }

    void read_content_codings(std::string_view value) noexcept
    {
        list_elements codings(value);
        for (std::string_view coding; codings.next(coding);)
            content_coded_ = content_coded_ || !(coding.empty() || equals_ignoring_case(coding, "identity"));
    }

    /// One number, or the same one several times (RFC 9112 §6.3 rule 5).
    void read_length(std::string_view value)
    {
        list_elements numbers(value);
        for (std::string_view number; !fault_ && numbers.next(number);) {
            auto const length = parse_decimal(number);
            if (!length)
                fault_ = http_fault(errc::bad_content_length, "Content-Length is " + excerpt(value) +
                                                                  ", which is not a number that fits");
            else if (length_ && *length_ != *length)
                fault_ = http_fault(errc::bad_content_length, "Content-Length has different values");
            length_ = length;
        }
    }

    void read_codings(std::string_view value) noexcept
    {
        list_elements codings(value);
        for (std::string_view coding; codings.next(coding); ++codings_) {
            well_formed_ = well_formed_ && !last_is_chunked_ && is_token(coding);
            last_is_chunked_ = equals_ignoring_case(coding, "chunked");
        }
    }

    http_fault fault_;
    std::optional<std::uint64_t> length_;
    std::size_t codings_ = 0;
    bool last_is_chunked_ = false;
    bool well_formed_ = true;
    bool close_ = false;
    bool content_coded_ = false;
};

} // namespace hdikafka::inline v0_1::detail

#endif
