// The bridge between Boost.JSON and hk::json: to_json, value_of, value_to.
//
// Boost 1.75 or newer. Boost.JSON has code that is not in its headers: link boost_json, or include
// <boost/json/src.hpp> in exactly one source file of the program.
#ifndef HDIKAFKA_BOOST_JSON_HPP
#define HDIKAFKA_BOOST_JSON_HPP

#if !__has_include(<boost/json/value.hpp>)
#error "<hdikafka/boost_json.hpp> needs Boost.JSON: install Boost 1.75 or newer, or add its include directory"
#endif

#include <hdikafka/detail/json/reader.hpp>
#include <hdikafka/detail/json/text.hpp>
#include <hdikafka/detail/json/values.hpp>
#include <hdikafka/detail/json/writer.hpp>
#include <hdikafka/error.hpp>
#include <hdikafka/json.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/storage_ptr.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_from.hpp>
#include <boost/json/value_stack.hpp>
#include <boost/json/value_to.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1 {

namespace detail {

inline std::string_view plain_view(boost::json::string_view text) noexcept
{
    return std::string_view(text.data(), text.size());
}

/// Writes a tree as JSON text. Not Boost's serializer, which lets bytes that are not UTF-8 pass and writes
/// infinity as a number beyond double.
class boost_writer
{
public:
    /// False at what JSON cannot say; fail() throws why.
    // NOLINTNEXTLINE(misc-no-recursion): enter() bounds the depth
    bool write(boost::json::value const& value)
    {
        switch (value.kind()) {
        case boost::json::kind::bool_: out_ += value.get_bool() ? "true" : "false"; return true;
        case boost::json::kind::int64: append_json_integer(out_, value.get_int64()); return true;
        case boost::json::kind::uint64: append_json_integer(out_, value.get_uint64()); return true;
        case boost::json::kind::double_: return write(value.get_double());
        case boost::json::kind::string: return write(value.get_string());
        case boost::json::kind::array: return write(value.get_array());
        case boost::json::kind::object: return write(value.get_object());
        case boost::json::kind::null: break;
        }
        out_ += "null";
        return true;
    }

    // NOLINTNEXTLINE(misc-no-recursion): enter() bounds the depth
    bool write(boost::json::array const& items)
    {
        if (!enter('['))
            return false;
        std::size_t index = 0;
        for (auto const& item : items) {
            if (index != 0)
                out_ += ',';
            if (!write(item))
                return inside(std::to_string(index));
            ++index;
        }
        return leave(']');
    }

    // NOLINTNEXTLINE(misc-no-recursion): enter() bounds the depth
    bool write(boost::json::object const& members)
    {
        if (!enter('{'))
            return false;
        bool first = true;
        for (auto const& member : members) {
            if (!std::exchange(first, false))
                out_ += ',';
            auto const name = plain_view(member.key());
            if (!append_json_string(out_, name))
                return refuse(errc::invalid_utf8, "the name of a member is not UTF-8");
            out_ += ':';
            if (!write(member.value()))
                return inside(name);
        }
        return leave('}');
    }

    bool write(boost::json::string const& text)
    {
        return append_json_string(out_, plain_view(text)) ||
               refuse(errc::invalid_utf8, "the string is not UTF-8");
    }

    std::string const& text() const noexcept { return out_; }

    [[noreturn]] void fail() const
    {
        throw error(fault_, path_.empty() ? std::string(cause_) : std::string(cause_) + ", at " + path_);
    }

private:
    /// A whole double keeps its point: 1.0 must not come back as an integer.
    bool write(double number)
    {
        auto const begin = out_.size();
        if (!append_json_double(out_, number))
            return refuse(errc::not_finite, "the number is not finite");
        if (out_.find_first_of(".e", begin) == std::string::npos)
            out_ += ".0";
        return true;
    }

    bool enter(char opening)
    {
        if (depth_ == json_reader::max_depth)
            return refuse(errc::too_deep, "the value nests deeper than 512 levels");
        ++depth_;
        out_ += opening;
        return true;
    }

    bool leave(char closing)
    {
        --depth_;
        out_ += closing;
        return true;
    }

    bool refuse(errc fault, char const* cause)
    {
        fault_ = fault;
        cause_ = cause;
        return false;
    }

    /// On the way out of a fault: names the step that led to it, as a JSON pointer (RFC 6901) does.
    bool inside(std::string_view step)
    {
        constexpr std::size_t longest = 256; // of a path that is told; the innermost steps tell most
        constexpr std::string_view left_out = "...";
        if (path_.starts_with(left_out))
            return false;
        if (path_.size() + step.size() > longest) {
            path_.insert(0, left_out);
            return false;
        }
        std::string escaped = "/";
        for (char const character : step) {
            if (character == '~' || character == '/')
                escaped += character == '~' ? "~0" : "~1";
            else
                escaped += character;
        }
        path_.insert(0, escaped);
        return false;
    }

    std::string out_;
    std::size_t depth_ = 0;
    errc fault_ = errc();
    char const* cause_ = "";
    std::string path_;
};

template <class Tree>
json boost_to_json(Tree const& tree)
{
    boost_writer out;
    if (!out.write(tree))
        out.fail();
    return json(json_view(validated_json(), out.text()));
}

/// Builds a tree from validated text. Not Boost's parser: that one may miss a double by its last digits,
/// gives infinity for what is beyond double, and stops at 32 levels.
class boost_builder
{
public:
    boost_builder(std::string_view text, boost::json::storage_ptr storage) : text_(text), in_(text)
    {
        stack_.reset(std::move(storage));
    }

    boost::json::value build()
    {
        add();
        while (!open_.empty()) {
            auto& inner = open_.back();
            bool const more = inner.object ? in_.next_member(name_) : in_.next_element();
            if (more) {
                ++inner.count;
                if (inner.object)
                    stack_.push_key(decoded(name_));
                add();
            } else {
                check();
                inner.object ? stack_.push_object(inner.count) : stack_.push_array(inner.count);
                open_.pop_back();
            }
        }
        check();
        return stack_.release();
    }

private:
    struct container
    {
        bool object;
        std::size_t count;
    };

    /// Adds the value that is due; a container is entered.
    void add()
    {
        std::string_view slice;
        switch (in_.peek()) {
        case json_kind::object:
            in_.enter_object();
            open_.push_back(container{true, 0});
            return;
        case json_kind::array:
            in_.enter_array();
            open_.push_back(container{false, 0});
            return;
        case json_kind::string:
            in_.string(slice);
            check();
            stack_.push_string(decoded(slice));
            return;
        default: break;
        }
        in_.value(slice);
        check();
        switch (json_kind_of(slice.front())) {
        case json_kind::boolean: stack_.push_bool(slice.front() == 't'); return;
        case json_kind::number: add_number(slice); return;
        default: stack_.push_null(); return;
        }
    }

    void add_number(std::string_view number)
    {
        std::int64_t whole = 0;
        std::uint64_t large = 0;
        double nearest = 0;
        if (is_exactly(number, whole))
            stack_.push_int64(whole);
        else if (is_exactly(number, large))
            stack_.push_uint64(large);
        else if (json_to_double(number, nearest))
            stack_.push_double(nearest);
        else
            throw error(errc::out_of_range, at(number, "the number") + " is beyond the largest double");
    }

    template <class Integer>
    static bool is_exactly(std::string_view number, Integer& out) noexcept
    {
        char const* const end = number.data() + number.size();
        auto const [read, fault] = std::from_chars(number.data(), end, out);
        return fault == std::errc() && read == end;
    }

    /// What stands between a string's quotes, decoded; valid until the next call.
    boost::json::string_view decoded(std::string_view raw)
    {
        std::string_view plain = raw;
        if (raw.find('\\') != std::string_view::npos) {
            if (!json_unescape(raw, unescaped_))
                throw error(errc::invalid_utf8, at(raw, "the string") + " has half of a surrogate pair");
            plain = unescaped_;
        }
        return boost::json::string_view(plain.data(), plain.size());
    }

    std::string at(std::string_view slice, char const* what) const
    {
        return std::string(what) + " at byte " + std::to_string(slice.data() - text_.data());
    }

    /// A json_view holds valid text; who made one of anything else hears of it here.
    void check() const
    {
        if (in_.failed())
            throw json_fault(in_, "the text");
    }

    std::string_view text_;
    json_reader in_;
    boost::json::value_stack stack_;
    std::vector<container> open_;
    std::string_view name_;
    std::string unescaped_;
};

} // namespace detail

/// What Boost.JSON's value, or anything that boost::json::value_from takes, is as JSON for a record.
///
///     co_await client.produce("orders", hk::records(hk::to_json(order)));
///
/// - Effect: writes compact JSON. value_of() gives an equal value back: integers exactly, doubles as the
///   shortest text that reads back the same, a whole double with its point (1.0 is not 1), members in
///   their order.
/// - Errors: hk::error, invalid_utf8 for a string or a member's name that is not UTF-8; not_finite for
///   an infinity or NaN; too_deep for more than 512 levels. The message names the place as a JSON
///   pointer: "the number is not finite, at /lines/2/price". What value_from, or the type's own
///   tag_invoke, throws passes unchanged.
/// - Lifetime: the result owns its text. `storage` is for the tree between a type and its text.
/// - Thread safety: touches nothing but its arguments.
template <class T>
    requires boost::json::has_value_from<std::remove_cvref_t<T>>::value
json to_json(T const& value, boost::json::storage_ptr storage = {})
{
    constexpr bool is_tree = std::is_same_v<T, boost::json::value> ||
                             std::is_same_v<T, boost::json::object> ||
                             std::is_same_v<T, boost::json::array> || std::is_same_v<T, boost::json::string>;
    if constexpr (is_tree)
        return detail::boost_to_json(value);
    else
        return detail::boost_to_json(boost::json::value_from(value, std::move(storage)));
}

/// The value that the text stands for, as a tree of Boost.JSON's.
///
/// - Effect: a number without fraction and exponent becomes int64, or uint64 beyond it; every other one,
///   and an integer beyond both, the nearest double. Of members with the same name the last one counts.
/// - Errors: hk::error, out_of_range for a number beyond the largest double; invalid_utf8 for a string
///   with half of a surrogate pair, which no UTF-8 can say. The message names the byte of text().
/// - Lifetime: the result copies everything, into `storage` when it is given.
/// - Thread safety: touches nothing but its arguments.
inline boost::json::value value_of(json_view text, boost::json::storage_ptr storage = {})
{
    return detail::boost_builder(text.text(), std::move(storage)).build();
}

/// The value as a T, by boost::json::value_to:
///
///     for (auto const& record : batch)
///         use(hk::value_to<order>(record.value()));
///
/// - Errors: those of value_of() as hk::error. When the value is not a T, what Boost.JSON or the type's
///   own tag_invoke throws passes unchanged (boost::system::system_error since Boost 1.80,
///   std::exception's children before): a program that reads foreign records catches both.
/// - Lifetime: the result owns what T owns. `storage` is for the tree between the text and the T.
/// - Thread safety: touches nothing but its arguments.
template <class T>
T value_to(json_view text, boost::json::storage_ptr storage = {})
{
    return boost::json::value_to<T>(value_of(text, std::move(storage)));
}

} // namespace hdikafka::inline v0_1

#endif
