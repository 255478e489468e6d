// http_request: what is sent. Layer: formats (no I/O, no Asio).
#ifndef HDIKAFKA_DETAIL_HTTP_REQUEST_HPP
#define HDIKAFKA_DETAIL_HTTP_REQUEST_HPP

#include <hdikafka/detail/http_syntax.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// A block of header fields, checked and written as they are added. Nothing that could end a line or
/// add another field gets into it.
class request_fields
{
public:
    /// False, and the block is spoilt for good, when the name is no token, the value has a control
    /// character or blanks around it, or the field is one that http_request writes itself.
    bool add(std::string_view name, std::string_view value)
    {
        bool const sound = is_token(name) && is_value(value) && !is_reserved(name);
        sound_ = sound_ && sound;
        if (sound) {
            if (text_.empty())
                text_.reserve(256); // all fields of a request to the proxy
            write(text_, name, value);
        }
        return sound;
    }

    bool sound() const noexcept { return sound_; }
    std::string const& text() const noexcept { return text_; }

    static bool is_value(std::string_view value) noexcept
    {
        return has_no_control(value) &&
               (value.empty() || (!is_blank(value.front()) && !is_blank(value.back())));
    }

    static void write(std::string& out, std::string_view name, std::string_view value)
    {
        out.append(name).append(": ").append(value).append("\r\n");
    }

private:
    static bool is_reserved(std::string_view name) noexcept
    {
        return equals_ignoring_case(name, "host") || equals_ignoring_case(name, "authorization") ||
               equals_ignoring_case(name, "content-length") ||
               equals_ignoring_case(name, "transfer-encoding");
    }

    std::string text_;
    bool sound_ = true;
};

/// A request without the parts that belong to the connection (Host) and to the moment (Authorization):
/// those are given when it is rendered, because a retry may need others. A request with a part that
/// could be taken for another field or another request is never rendered at all.
class http_request
{
public:
    /// `target` in origin form, already percent-encoded; for CONNECT in authority form. `fields` saves
    /// adding those again that every request has.
    http_request(std::string method, std::string target, request_fields fields = request_fields())
        : method_(std::move(method)),
          target_(std::move(target)),
          fields_(std::move(fields)),
          sound_(is_token(method_) && sound_target())
    {}

    /// Adds a field; see request_fields::add.
    bool add(std::string_view name, std::string_view value) { return fields_.add(name, value); }

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
        if (!sound_ || !fields_.sound() || !host_characters.spells(host) ||
            !request_fields::is_value(authorization))
            return false;
        bool const sized = !body_.empty() || method_ == "POST" || method_ == "PUT" || method_ == "PATCH";
        constexpr std::size_t own_parts = 128;
        out.reserve(out.size() + method_.size() + target_.size() + host.size() + authorization.size() +
                    fields_.text().size() + body_.size() + own_parts);
        out.append(method_)
            .append(" ")
            .append(target_)
            .append(" HTTP/1.1\r\nHost: ")
            .append(host)
            .append("\r\n");
        if (!authorization.empty())
            out.append("Authorization: ").append(authorization).append("\r\n");
        out.append(fields_.text());
        if (sized) {
            out.append("Content-Length: ").append(std::to_string(body_.size())).append("\r\n");
        }
        out.append("\r\n").append(body_);
        return true;
    }

private:
    bool sound_target() const noexcept
    {
        if (method_ == "CONNECT")
            return host_characters.spells(target_);
        return target_.starts_with('/') && target_characters.spells(target_);
    }

    std::string method_;
    std::string target_;
    request_fields fields_;
    std::string body_;
    bool sound_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
