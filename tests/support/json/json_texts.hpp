// JSON documents for tests: generated, damaged, and held so that no byte behind their end may be read.
#ifndef HDIKAFKA_TESTS_SUPPORT_JSON_TEXTS_HPP
#define HDIKAFKA_TESTS_SUPPORT_JSON_TEXTS_HPP

#include <hdikafka/detail/json/reader.hpp>
#include <hdikafka/detail/json/text.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <system_error>

namespace test {

/// A copy of a text in memory of exactly its size: a sanitizer sees every read beyond it.
class exact_text
{
public:
    explicit exact_text(std::string_view text) : size_(text.size()), bytes_(new char[text.size()])
    {
        if (size_ != 0)
            std::memcpy(bytes_.get(), text.data(), size_);
    }

    std::string_view view() const { return {bytes_.get(), size_}; }

private:
    std::size_t size_;
    std::unique_ptr<char[]> bytes_;
};

/// Whether the whole text is one JSON value.
inline bool valid_json(std::string_view text) noexcept
{
    hdikafka::detail::json_reader in(text);
    return in.skip() && in.finish();
}

/// Whether the text between a string's quotes stands for `text`.
inline bool json_equals(std::string_view raw, std::string_view text)
{
    std::string decoded;
    return hdikafka::detail::json_unescape(raw, decoded) && decoded == text;
}

/// Pulls a whole document piece by piece, every value in the way that suits its kind; whether it was JSON.
// NOLINTNEXTLINE(misc-no-recursion): as deep as the reader allows
inline bool pull_value(hdikafka::detail::json_reader& in, std::string_view document)
{
    using hdikafka::json_kind;
    std::string_view text;
    std::string scratch;
    std::int64_t number = 0;
    switch (in.peek()) {
    case json_kind::object:
        if (in.enter_object())
            while (in.next_member(text)) {
                hdikafka::detail::json_unescape(text, scratch);
                if (!pull_value(in, document))
                    return false;
            }
        return !in.failed();
    case json_kind::array:
        if (in.enter_array())
            while (in.next_element())
                if (!pull_value(in, document))
                    return false;
        return !in.failed();
    case json_kind::string: return in.string(text) && (hdikafka::detail::json_unescape(text, scratch), true);
    case json_kind::number: {
        // A fraction, or what int64 cannot hold, would be a fault of the kind, not of the document.
        text = document.substr(in.position());
        text = text.substr(0, text.find_first_not_of("+-.0123456789Ee"));
        auto const [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
        bool const whole = fault == std::errc() && end == text.data() + text.size();
        return whole ? in.integer(number) : in.value(text);
    }
    default: return in.value(text);
    }
}

inline bool pull_document(std::string_view text)
{
    hdikafka::detail::json_reader in(text);
    return pull_value(in, text) && in.finish();
}

/// Random documents, the same for the same seed on every platform.
class json_generator
{
public:
    explicit json_generator(std::uint64_t seed) : random_(seed) {}

    std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }

    std::string document()
    {
        std::string out;
        blanks(out);
        value(out, 0);
        blanks(out);
        return out;
    }

    std::string number()
    {
        static constexpr std::string_view edges[] = {"0",
                                                     "-0",
                                                     "-1",
                                                     "9223372036854775807",
                                                     "9223372036854775808",
                                                     "-9223372036854775808",
                                                     "-9223372036854775809",
                                                     "18446744073709551615",
                                                     "18446744073709551616",
                                                     "999999999999999999",
                                                     "1000000000000000000",
                                                     "0.0",
                                                     "-0.0",
                                                     "1e5",
                                                     "1E-7",
                                                     "2.5e+3",
                                                     "1e308",
                                                     "1e309",
                                                     "-1e400",
                                                     "1e-400",
                                                     "4.9e-324",
                                                     "123456789012345678901234567890",
                                                     "0.1",
                                                     "3.141592653589793"};
        if (below(3) == 0)
            return std::string(edges[below(std::size(edges))]);
        std::string out = below(3) == 0 ? "-" : "";
        digits(out, 1 + below(20));
        if (below(3) == 0) {
            out += '.';
            out += std::to_string(random_() % 1000000);
        }
        if (below(4) == 0) {
            out += below(2) == 0 ? "e" : "E";
            out += below(3) == 0 ? "-" : below(2) == 0 ? "+" : "";
            out += std::to_string(below(330));
        }
        return out;
    }

    /// A string with its quotes. Escapes are pairs of surrogates at times, and rarely half of one.
    std::string string()
    {
        std::string out = "\"";
        for (auto left = below(8) == 0 ? below(100) : below(12); left != 0; --left) {
            static constexpr char const* pieces[] = {"\\\"",
                                                     "\\\\",
                                                     "\\/",
                                                     "\\b",
                                                     "\\f",
                                                     "\\n",
                                                     "\\r",
                                                     "\\t",
                                                     "\\u0000",
                                                     "\\u00e9",
                                                     "\\uD83D\\uDE00",
                                                     "\\ud800\\uDFFF",
                                                     "\\uFFFF",
                                                     "\xc3\xa9",
                                                     "\xe2\x82\xac",
                                                     "\xf0\x9f\x98\x80",
                                                     "\x7f",
                                                     "\xef\xbf\xbf",
                                                     "\xed\x9f\xbf",
                                                     "\xf4\x8f\xbf\xbf",
                                                     "plain text"};
            if (below(2000) == 0)
                out += below(2) == 0 ? "\\ud800" : "\\udc00";
            else if (below(3) == 0)
                out += pieces[below(std::size(pieces))];
            else
                out += "abc 0123{}[]:,/'"[below(16)];
        }
        return out + '"';
    }

    /// The text with a few bytes changed, so that it often is JSON no longer.
    std::string damage(std::string text)
    {
        static constexpr std::string_view bytes(
            "\"\\{}[]:,-+.eE019tfnu/ \t\n\r\0\x01\x1f\x7f\x80\xbf\xc0\xc2\xe0\xed\xf0\xf4\xff", 38);
        for (auto left = 1 + below(3); left != 0; --left) {
            auto const at = below(text.size() + 1);
            switch (below(6)) {
            case 0: text.resize(at); break;
            case 1: text.erase(at, 1 + below(3)); break;
            case 2: text.insert(at, 1, bytes[below(bytes.size())]); break;
            case 3: {
                auto const from = below(text.size() + 1);
                text.insert(at, text.substr(from, below(20)));
                break;
            }
            case 4: text.insert(at, below(2) == 0 ? number() : string()); break;
            default:
                if (at < text.size())
                    text[at] = below(2) == 0 ? bytes[below(bytes.size())]
                                             : static_cast<char>(text[at] ^ 1 << below(8));
            }
        }
        return text;
    }

private:
    void blanks(std::string& out)
    {
        while (below(6) == 0)
            out += " \t\n\r"[below(4)];
    }

    void digits(std::string& out, std::size_t count)
    {
        out += "123456789"[below(9)];
        while (--count != 0)
            out += "0123456789"[below(10)];
    }

    // NOLINTNEXTLINE(misc-no-recursion): `depth` ends it
    void value(std::string& out, unsigned depth)
    {
        // At the top mostly an array or an object.
        auto const kind = depth == 0 && below(8) != 0 ? 5 + below(3) : below(depth > 5 ? 5 : 8);
        switch (kind) {
        case 0: out += "null"; break;
        case 1: out += below(2) == 0 ? "true" : "false"; break;
        case 2:
        case 3: out += number(); break;
        case 4: out += string(); break;
        default: {
            bool const object = kind == 5;
            out += object ? '{' : '[';
            blanks(out);
            for (std::size_t i = 0, count = below(6); i != count; ++i) {
                if (i != 0)
                    out += ',';
                blanks(out);
                if (object) {
                    out += below(4) == 0 ? "\"again\"" : string();
                    blanks(out);
                    out += ':';
                    blanks(out);
                }
                value(out, depth + 1);
                blanks(out);
            }
            out += object ? '}' : ']';
        }
        }
    }

    std::mt19937_64 random_;
};

} // namespace test

#endif
