// json and json_view: JSON as validated text, without a tree.
#ifndef HDIKAFKA_JSON_HPP
#define HDIKAFKA_JSON_HPP

#include <hdikafka/detail/json/reader.hpp>
#include <hdikafka/detail/json/text.hpp>
#include <hdikafka/detail/json/values.hpp>
#include <hdikafka/detail/json/writer.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/result.hpp>

#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace hdikafka::inline v0_1 {

namespace detail {

/// Says that a text is one JSON value without blanks around it: who makes a json_view has checked it.
struct validated_json
{
    explicit validated_json() = default;
};

template <class T>
concept character_type = std::same_as<T, char> || std::same_as<T, wchar_t> || std::same_as<T, char8_t> ||
                         std::same_as<T, char16_t> || std::same_as<T, char32_t>;

template <class T>
concept json_integer =
    std::integral<T> && !std::same_as<T, bool> && !character_type<T> && sizeof(T) <= sizeof(std::uint64_t);

template <class T>
concept string_like = std::convertible_to<T const&, std::string_view> && !std::same_as<T, std::nullptr_t>;

template <class T>
concept u8string_like =
    std::convertible_to<T const&, std::u8string_view> && !string_like<T> && !std::same_as<T, std::nullptr_t>;

} // namespace detail

/// A JSON value that lives elsewhere, in a record_batch or a json, and was validated there. It is
/// valid as long as its owner. Asking for another kind than the value's throws hk::error.
class json_view
{
public:
    /// null
    json_view() = default;
    /// For the library's own use: the tag says that `slice` is one valid JSON value without blanks around it.
    json_view(detail::validated_json, std::string_view slice) noexcept : text_(slice) {}

    /// The exact JSON text, without blanks around it.
    std::string_view text() const noexcept { return text_; }

    /// Which of the six kinds of RFC 8259 the value is.
    json_kind kind() const noexcept { return detail::json_kind_of(text_.front()); }
    /// Whether it is JSON null.
    bool is_null() const noexcept { return kind() == json_kind::null; }

    /// The decoded string, as UTF-8.
    /// Throws `wrong_kind`; `invalid_utf8` if it has half of a surrogate pair, which no UTF-8 can say
    /// (text() still has it).
    std::string as_string() const
    {
        expect(json_kind::string);
        std::string decoded;
        if (!detail::json_unescape(text_.substr(1, text_.size() - 2), decoded))
            throw error(errc::invalid_utf8, "the JSON string contains half of a surrogate pair");
        return decoded;
    }

    /// The number, exactly. Throws `wrong_kind`, also for a number with a fraction or an exponent;
    /// `out_of_range`.
    std::int64_t as_int64() const { return as_integer<std::int64_t>(); }
    /// The same without a sign; `out_of_range` also below zero.
    std::uint64_t as_uint64() const { return as_integer<std::uint64_t>(); }

    /// The nearest double of any number. Throws `wrong_kind`; `out_of_range` beyond the largest double.
    double as_double() const
    {
        expect(json_kind::number);
        double value = 0;
        if (!detail::json_to_double(text_, value))
            throw error(errc::out_of_range);
        return value;
    }

    /// The boolean. Throws `wrong_kind`.
    bool as_bool() const
    {
        expect(json_kind::boolean);
        return text_.front() == 't';
    }

    /// Whether both have the same text: 1 and 1.0 differ.
    friend bool operator==(json_view a, json_view b) noexcept { return a.text_ == b.text_; }

private:
    void expect(json_kind wanted) const
    {
        if (kind() != wanted)
            throw error(errc::wrong_kind, std::string("the JSON value is ") + detail::json_kind_name(kind()) +
                                              ", not " + detail::json_kind_name(wanted));
    }

    template <class T>
    T as_integer() const
    {
        expect(json_kind::number);
        if (text_.find_first_of(".eE") != std::string_view::npos)
            throw error(errc::wrong_kind, "the JSON number is not an integer");
        if (text_ == "-0")
            return 0;
        T value = 0;
        if (std::from_chars(text_.data(), text_.data() + text_.size(), value).ec != std::errc())
            throw error(errc::out_of_range);
        return value;
    }

    std::string_view text_ = "null";
};

/// A JSON value that owns its text, for what is sent. Made from
/// - text that is UTF-8: a JSON *string*, whatever it looks like (`json("{}")` is a string of two
///   characters; use parse() for raw JSON);
/// - integers of any width, exactly; `float` and `double`, as the shortest text that reads back the same;
/// - `bool` and `nullptr`;
/// - a json_view, copied.
///
/// A single character has no obvious meaning and does not convert. Throws hk::error: `invalid_utf8`
/// (also for a null `char const*`), `not_finite`. A moved-from json is null.
class json
{
public:
    /// null
    json() = default;
    /// null
    json(std::nullptr_t) noexcept {}
    /// A copy of the text.
    json(json_view value) : text_(value.text()) {}

    /// A JSON string of the text. Throws `invalid_utf8`.
    template <class T>
        requires detail::string_like<T> || detail::u8string_like<T>
    json(T const& text)
    {
        if constexpr (std::is_pointer_v<T>)
            if (text == nullptr)
                throw error(errc::invalid_utf8, "a null pointer is not text");
        if constexpr (detail::string_like<T>) {
            assign_string(text);
        } else {
            std::u8string_view const bytes = text;
            assign_string(std::string_view(reinterpret_cast<char const*>(bytes.data()), bytes.size()));
        }
    }

    /// An integer of at most 64 bits, exactly.
    template <detail::json_integer T>
    json(T value)
    {
        detail::append_json_integer(text_, value);
    }

    /// The shortest text that reads back as the same number. Throws `not_finite`.
    template <class T>
        requires std::same_as<T, float> || std::same_as<T, double>
    json(T value)
    {
        if (!detail::append_json_double(text_, value))
            throw error(errc::not_finite);
    }

    /// true or false; nothing that merely converts to bool.
    template <std::same_as<bool> T>
    json(T value) : text_(value ? "true" : "false")
    {}

    template <detail::character_type T>
    json(T) = delete;

    json(json const&) = default;
    json(json&& other) noexcept : text_(std::exchange(other.text_, std::string())) {}
    json& operator=(json const&) = default;
    json& operator=(json&& other) noexcept
    {
        text_ = std::exchange(other.text_, std::string());
        return *this;
    }
    ~json() = default;

    /// Takes raw JSON: one value of RFC 8259, nested at most 512 levels, blanks around it allowed (and
    /// dropped). Throws hk::error `invalid_json`, `too_deep`; the message names the byte.
    static json parse(std::string_view text) { return try_parse(text).value(); }

    /// The same, with the error as a value.
    static result<json> try_parse(std::string_view text)
    {
        detail::json_reader in(text);
        std::string_view slice;
        if (!in.value(slice) || !in.finish())
            return detail::json_fault(in, "the text");
        return json(json_view(detail::validated_json(), slice));
    }

    /// The JSON text.
    std::string_view text() const noexcept { return view().text(); }

    /// The value to be looked at; valid as long as this object lives unchanged.
    json_view view() const noexcept
    {
        return text_.empty() ? json_view() : json_view(detail::validated_json(), text_);
    }
    /// The same as view().
    operator json_view() const noexcept { return view(); }

    friend bool operator==(json const& a, json const& b) noexcept { return a.text() == b.text(); }
    friend bool operator==(json const& a, json_view b) noexcept { return a.text() == b.text(); }

private:
    void assign_string(std::string_view text)
    {
        if (!detail::append_json_string(text_, text))
            throw error(errc::invalid_utf8);
    }

    std::string text_; // empty is null
};

} // namespace hdikafka::inline v0_1

#endif
