// http_response: an answer that has arrived whole.
#ifndef HDIKAFKA_DETAIL_HTTP_RESPONSE_HPP
#define HDIKAFKA_DETAIL_HTTP_RESPONSE_HPP

#include <hdikafka/detail/base/byte_buffer.hpp>
#include <hdikafka/detail/http/head.hpp>

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Owns its texts: views into an answer live as long as it, and moving it keeps them valid.
class http_response
{
public:
    http_response() = default;
    http_response(int code, http_head head, byte_buffer content)
        : status(code), body(std::move(content)), head_(std::move(head))
    {}

    int status = 0;
    byte_buffer body;

    /// Wipes the body, and whatever of it was read together with the header.
    void cleanse() noexcept
    {
        body.cleanse();
        head_.cleanse();
    }

    std::string_view body_text() const noexcept { return body.view(); }

    /// The value of the first field of that name, in any case, without blanks around it.
    std::optional<std::string_view> field(std::string_view name) const noexcept { return head_.find(name); }

    /// All fields in their order: `field_name(i)` and `field_value(i)` for i < field_count().
    std::size_t field_count() const noexcept { return head_.size(); }
    std::string_view field_name(std::size_t i) const noexcept { return head_.name(i); }
    std::string_view field_value(std::size_t i) const noexcept { return head_.value(i); }

private:
    http_head head_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
