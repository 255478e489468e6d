// What reading a request and reading an answer have in common: a head, then the body that the head announces
// (RFC 9112 §6 and §9.3).
#ifndef HDIKAFKA_DETAIL_HTTP_MESSAGE_PARSER_HPP
#define HDIKAFKA_DETAIL_HTTP_MESSAGE_PARSER_HPP

#include <hdikafka/detail/http/body.hpp>
#include <hdikafka/detail/http/head.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

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

    /// There is a Content-Encoding other than "identity", or a charset's name, which some servers write
    /// there.
    bool content_coded() const noexcept { return content_coding_ != nullptr; }

    /// The name of the first such coding, if it is a usual one: what else stands there may be a secret.
    char const* content_coding() const noexcept { return content_coding_; }

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
        for (std::string_view coding; content_coding_ == nullptr && codings.next(coding);)
            if (!coding.empty() && !equals_ignoring_case(coding, "identity") &&
                !equals_ignoring_case(coding, "utf-8"))
                content_coding_ = usual_coding(coding);
    }

    static char const* usual_coding(std::string_view name) noexcept
    {
        for (char const* const usual : {"gzip", "br", "deflate", "zstd", "compress"})
            if (equals_ignoring_case(name, usual))
                return usual;
        return "unknown";
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
    char const* content_coding_ = nullptr;
};

/// Base of `Parser`, whose read_head() is told that there is more of the head.
template <class Parser>
class message_parser
{
public:
    /// Room for the next bytes; empty once done() or failed(). For a body with Content-Length it is the
    /// body's own memory and never longer than its rest.
    std::span<char> prepare()
    {
        if (stage_ == stage::head)
            return head_.prepare();
        return stage_ == stage::body ? body_.prepare() : std::span<char>();
    }

    /// `n` bytes, at most as many as there was room for, were put there.
    void commit(std::size_t n)
    {
        if (n == 0)
            return;
        if (stage_ == stage::head) {
            started_ = true;
            head_.commit(n);
            static_cast<Parser&>(*this).read_head();
        } else if (stage_ == stage::body) {
            body_.commit(n);
            look_at_body();
        }
    }

    /// How much memory the message takes here, nearly.
    std::size_t memory() const noexcept { return head_.memory() + body_.memory(); }

    bool done() const noexcept { return stage_ == stage::done; }
    bool failed() const noexcept { return stage_ == stage::failed; }

    /// A sentence about the fault, or empty. It has nothing of the message in it but framing values.
    std::string_view cause() const noexcept { return fault_.cause(); }

    /// Whether the head may be asked for. It stays usable after a fault in the body.
    bool header_done() const noexcept { return header_done_; }
    std::optional<std::string_view> field(std::string_view name) const noexcept
    {
        return head_.head().find(name);
    }

    /// All fields, once header_done().
    http_head const& head() const noexcept { return head_.head(); }

private:
    friend Parser; // nobody else derives from the parser of a Parser

    explicit message_parser(http_limits const& limits) : head_(limits), body_(limits) {}

protected:
    enum class stage : unsigned char
    {
        head,
        body,
        done,
        failed
    };

    void fail(http_fault fault)
    {
        fault_ = std::move(fault);
        stage_ = stage::failed;
    }

    /// Goes on with the body, which was started, and gives it what came with the head. Says how much it took.
    std::size_t enter_body()
    {
        stage_ = stage::body;
        std::size_t const taken = body_.feed(head_.unread());
        look_at_body();
        return taken;
    }

    void look_at_body()
    {
        if (body_.failed())
            fail(body_.fault());
        else if (body_.done())
            stage_ = stage::done;
    }

    head_reader head_;
    body_reader body_;
    stage stage_ = stage::head;
    bool started_ = false; ///< A byte has come.
    bool header_done_ = false;
    http_fault fault_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
