// http_request: what is sent. Layer: formats (no I/O, no Asio).
#ifndef HDIKAFKA_DETAIL_HTTP_REQUEST_HPP
#define HDIKAFKA_DETAIL_HTTP_REQUEST_HPP

#include <hdikafka/detail/http_syntax.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// A request without the parts that belong to the connection (Host) and to the moment (Authorization):
/// those are given when it is rendered, because a retry may need others. Nothing that could end a line
/// or add a field gets into the text: a request with such a part is never rendered at all.
class http_request
{
public:
    /// `target` in origin form, already percent-encoded; for CONNECT in authority form.
    http_request(std::string method, std::string target)
        : method_(std::move(method)), target_(std::move(target)), sound_(is_token(method_) && sound_target())
    {}

    /// Adds a field. False, and render_to() will refuse, when the name is no token, the value has a
    /// control character or blanks around it, or the field is one that render_to() writes itself.
    bool add(std::string_view name, std::string_view value)
    {
        bool const sound = is_token(name) && is_value(value) && !is_own_field(name);
        sound_ = sound_ && sound;
        if (sound)
            append_field(fields_, name, value);
        return sound;
    }

    http_request& body(std::string content) &
    {
        body_ = std::move(content);
        return *this;
    }

    std::string const& method() const noexcept { return method_; }
    std::string const& target() const noexcept { return target_; }
    std::string const& body() const noexcept { return body_; }

    /// Appends the request to `out`. `host` is the Host field's value; `authorization` that of
    /// Authorization, which is left out when empty. False, with `out` as it was, when any part of the
    /// request could not be sent as it is.
    [[nodiscard]] bool render_to(std::string& out, std::string_view host,
                                 std::string_view authorization) const
    {
        if (!sound_ || !is_host_value(host) || !is_value(authorization))
            return false;
        bool const sized = !body_.empty() || method_ == "POST" || method_ == "PUT" || method_ == "PATCH";
        constexpr std::size_t own_parts = 128;
        out.reserve(out.size() + method_.size() + target_.size() + host.size() + authorization.size() +
                    fields_.size() + body_.size() + own_parts);
        out.append(method_).append(1, ' ').append(target_).append(" HTTP/1.1\r\n");
        append_field(out, "Host", host);
        if (!authorization.empty())
            append_field(out, "Authorization", authorization);
        out.append(fields_);
        if (sized) {
            char digits[20];
            auto const end = std::to_chars(digits, digits + sizeof digits, body_.size()).ptr;
            append_field(out, "Content-Length", {digits, static_cast<std::size_t>(end - digits)});
        }
        out.append("\r\n").append(body_);
        return true;
    }

private:
    static void append_field(std::string& out, std::string_view name, std::string_view value)
    {
        out.append(name).append(": ").append(value).append("\r\n");
    }

    static bool is_value(std::string_view value) noexcept
    {
        return is_field_text(value) && trim_blanks(value).size() == value.size();
    }

    static bool is_own_field(std::string_view name) noexcept
    {
        return equals_ignoring_case(name, "host") || equals_ignoring_case(name, "authorization") ||
               equals_ignoring_case(name, "content-length") ||
               equals_ignoring_case(name, "transfer-encoding");
    }

    /// Printable ASCII without blanks.
    static bool is_visible(std::string_view text) noexcept
    {
        return !text.empty() &&
               std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
    }

    static bool is_host_value(std::string_view host) noexcept
    {
        return is_visible(host) && host.find_first_of("/?#@,\\") == std::string_view::npos;
    }

    bool sound_target() const noexcept
    {
        if (method_ == "CONNECT")
            return is_host_value(target_);
        return is_visible(target_) && target_.front() == '/' && target_.find('#') == std::string::npos;
    }

    std::string method_;
    std::string target_;
    std::string fields_;
    std::string body_;
    bool sound_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
