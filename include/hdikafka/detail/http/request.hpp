// http_request: what is sent.
#ifndef HDIKAFKA_DETAIL_HTTP_REQUEST_HPP
#define HDIKAFKA_DETAIL_HTTP_REQUEST_HPP

#include <hdikafka/detail/base/secret.hpp>
#include <hdikafka/detail/http/syntax.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <memory>
#include <optional>
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
        if (sound)
            add_own(name, value);
        return sound;
    }

    /// The same for a name and a value of our own making, which need no check.
    void add_own(std::string_view name, std::string_view value)
    {
        constexpr std::string_view colon = ": ";
        constexpr std::string_view end = "\r\n";
        make_room(name.size() + value.size() + colon.size() + end.size());
        text_.append(name).append(colon).append(value).append(end);
    }

    bool sound() const noexcept { return sound_; }
    std::string const& text() const noexcept { return text_; }

    /// Wipes all fields: one of them was a secret's.
    void cleanse() noexcept { detail::cleanse(text_); }

    static bool is_value(std::string_view value) noexcept
    {
        return has_no_control(value) &&
               (value.empty() || (!is_blank(value.front()) && !is_blank(value.back())));
    }

private:
    /// Any field may be a secret's: none is left behind in memory that has become too small.
    void make_room(std::size_t more)
    {
        std::size_t const needed = text_.size() + more;
        if (text_.empty() || needed <= text_.capacity()) {
            text_.reserve(needed);
            return;
        }
        std::string larger;
        larger.reserve(std::max(needed, 2 * text_.capacity()));
        larger = text_;
        detail::cleanse(text_);
        text_.swap(larger);
    }

    static bool is_reserved(std::string_view name) noexcept
    {
        return equals_ignoring_case(name, "host") || equals_ignoring_case(name, "authorization") ||
               equals_ignoring_case(name, "content-length") ||
               equals_ignoring_case(name, "transfer-encoding");
    }

    std::string text_;
    bool sound_ = true;
};

/// A field's value, checked when it is made: once, however many requests carry it.
class field_value
{
public:
    explicit field_value(std::string text)
        : text_(std::move(text)), sound_(request_fields::is_value(text_.text()))
    {}

    /// The value of Host: one authority.
    static field_value host(std::string text)
    {
        field_value out(std::move(text));
        out.sound_ = host_characters.spells(out.text());
        return out;
    }

    bool sound() const noexcept { return sound_; }
    std::string const& text() const noexcept { return text_.text(); }

private:
    secret text_; ///< A token, most often.
    bool sound_;
};

using shared_fields = std::shared_ptr<request_fields const>;

/// A request without the parts that belong to the connection (Host) and to the moment (Authorization):
/// those are given for each attempt, because a retry may need others. A request with a part that could be
/// taken for another field or another request cannot be written at all.
class http_request
{
public:
    /// With all that belongs to it, every part of it checked. Those parts outlive it.
    class checked
    {
    public:
        void append_to(std::string& out) const { request_.append_to(out, host_, authorization_); }

    private:
        friend http_request;

        checked(http_request const& request, std::string_view host, field_value const* authorization) noexcept
            : request_(request), host_(host), authorization_(authorization)
        {}

        http_request const& request_;
        std::string_view host_;
        field_value const* authorization_;
    };

    /// `target` in origin form, already percent-encoded; for CONNECT in authority form. `common`, which may
    /// be null, are fields that many requests share.
    http_request(std::string method, std::string target, shared_fields common = nullptr)
        : method_(std::move(method)),
          target_(std::move(target)),
          common_(std::move(common)),
          sound_(is_token(method_) && sound_target() && (!common_ || common_->sound()))
    {}

    /// Adds a field; see request_fields::add.
    bool add(std::string_view name, std::string_view value) { return fields_.add(name, value); }
    /// See request_fields::add_own.
    void add_own(std::string_view name, std::string_view value) { fields_.add_own(name, value); }

    void body(std::string content) { body_ = std::move(content); }

    /// Wipes the body and the fields that were added: what the request holds was a secret's.
    void cleanse() noexcept
    {
        detail::cleanse(body_);
        fields_.cleanse();
    }

    /// Nothing when a part of the request cannot be sent as it is. Authorization is left out when null.
    std::optional<checked> check(field_value const& host, field_value const* authorization) const noexcept
    {
        bool const sound =
            sound_ && fields_.sound() && host.sound() && (!authorization || authorization->sound());
        return sound ? std::optional(checked(*this, host.text(), authorization)) : std::nullopt;
    }

private:
    bool sound_target() const noexcept
    {
        if (method_ == "CONNECT")
            return host_characters.spells(target_);
        return target_.starts_with('/') && target_characters.spells(target_);
    }

    void append_to(std::string& out, std::string_view host, field_value const* authorization) const
    {
        bool const sized = !body_.empty() || method_ == "POST" || method_ == "PUT" || method_ == "PATCH";
        std::array<char, 20> digits{};
        auto const* const end = std::to_chars(digits.data(), digits.data() + digits.size(), body_.size()).ptr;
        std::string_view const length(digits.data(), static_cast<std::size_t>(end - digits.data()));
        using text = std::string_view;
        std::array const parts{text(method_),
                               text(" "),
                               text(target_),
                               text(" HTTP/1.1\r\nHost: "),
                               host,
                               authorization ? text("\r\nAuthorization: ") : text(),
                               authorization ? text(authorization->text()) : text(),
                               text("\r\n"),
                               common_ ? text(common_->text()) : text(),
                               text(fields_.text()),
                               sized ? text("Content-Length: ") : text(),
                               sized ? length : text(),
                               sized ? text("\r\n\r\n") : text("\r\n"),
                               text(body_)};
        std::size_t size = 0;
        for (auto const part : parts)
            size += part.size();
        auto const before = out.size();
        out.resize(before + size);
        char* at = out.data() + before;
        for (auto const part : parts)
            at += part.copy(at, part.size());
    }

    std::string method_;
    std::string target_;
    shared_fields common_;
    request_fields fields_;
    std::string body_;
    bool sound_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
