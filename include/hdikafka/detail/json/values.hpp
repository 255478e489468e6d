// Whole values off a json_reader: texts, small numbers, objects and arrays. Each is false when it is not
// there.
#ifndef HDIKAFKA_DETAIL_JSON_VALUES_HPP
#define HDIKAFKA_DETAIL_JSON_VALUES_HPP

#include <hdikafka/detail/json/reader.hpp>
#include <hdikafka/error.hpp>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace hdikafka::inline v0_1::detail {

/// What a reader found wrong with `subject`, and at which byte; it has failed.
template <class = void>
std::string describe_fault(json_reader const& in, std::string_view subject)
{
    std::string out(subject);
    if (in.fault() == errc::too_deep)
        out += " nests deeper than " + std::to_string(in.deepest()) + " levels";
    else if (in.fault() == errc::invalid_json)
        out += " is not valid JSON";
    else
        out = error_category::text(in.fault());
    return out + " at byte " + std::to_string(in.position());
}

/// The same as an error.
template <class = void>
error json_fault(json_reader const& in, std::string_view subject)
{
    return error(in.fault(), describe_fault(in, subject));
}

template <class = void>
bool read_text(json_reader& in, std::string& out)
{
    std::string_view raw;
    out.clear();
    return in.string(raw) && json_unescape(raw, out);
}

inline bool read_int32(json_reader& in, std::int32_t& out)
{
    std::int64_t wide = 0;
    if (!in.integer(wide) || wide < std::numeric_limits<std::int32_t>::min() ||
        wide > std::numeric_limits<std::int32_t>::max())
        return false;
    out = static_cast<std::int32_t>(wide);
    return true;
}

/// Reads an object whose members `member(name)` consumes; false when it is not one, or when member
/// says so. A member that it does not know it passes over with in.skip().
template <class Member>
bool read_object(json_reader& in, Member member)
{
    if (!in.enter_object())
        return false;
    std::string_view name;
    while (in.next_member(name))
        if (!member(name))
            return false;
    return !in.failed();
}

/// Reads an array whose elements `element()` consumes.
template <class Element>
bool read_array(json_reader& in, Element element)
{
    if (!in.enter_array())
        return false;
    while (in.next_element())
        if (!element())
            return false;
    return !in.failed();
}

} // namespace hdikafka::inline v0_1::detail

#endif
