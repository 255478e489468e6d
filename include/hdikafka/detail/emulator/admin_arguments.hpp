// What the emulator is told from outside: the members of a request's body, each with its kind, and their
// values.
#ifndef HDIKAFKA_DETAIL_EMULATOR_ADMIN_ARGUMENTS_HPP
#define HDIKAFKA_DETAIL_EMULATOR_ADMIN_ARGUMENTS_HPP

#include <hdikafka/detail/emulator/codec.hpp>
#include <hdikafka/detail/json/values.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail::emulation {

enum class admin_kind : unsigned char
{
    any,
    flag,
    text,
    word, ///< One of the member's words.
    object,
    small, ///< An integer from 0 that fits into 32 bits.
    count, ///< An integer from 0.
    time,  ///< Milliseconds since 1970, also before it.
};

/// What a member of a body is, in whatever action it stands.
class admin_member
{
public:
    constexpr admin_member(std::string_view of, admin_kind what, bool or_null = false,
                           std::string_view some = "")
        : name(of), kind(what), nullable(or_null), words(some)
    {}

    std::string_view name;
    admin_kind kind;
    bool nullable;
    std::string_view words; ///< With blanks between them, in the order of their enumeration.
};

inline constexpr std::string_view route_words =
    "brokers topics partitions partition create_topic delete_topic produce consume token "
    "openid_configuration "
    "instance_discovery imds app_service_identity arc_identity status other";
inline constexpr std::string_view next_offset_words = "exact asked behind absent absurd";

inline constexpr std::array<admin_member, 40> admin_members{{
    {"after", admin_kind::object},
    {"claims", admin_kind::object, true},
    {"count", admin_kind::count},
    {"delay_ms", admin_kind::small},
    {"empty_in_gaps", admin_kind::flag},
    {"fault", admin_kind::word, false, "answer drop_request drop_answer stall slow"},
    {"first", admin_kind::count},
    {"gap_next_offset", admin_kind::word, true, next_offset_words},
    {"key", admin_kind::any},
    {"last", admin_kind::count},
    {"leaderless", admin_kind::word, false, "null_leader no_member negative_id"},
    {"leaderless_offsets", admin_kind::word, false, "negative absent kept"},
    {"leaderless_status", admin_kind::small},
    {"leaders_after_ms", admin_kind::small},
    {"max_read_bytes", admin_kind::count, true},
    {"member", admin_kind::flag},
    {"missing_topic_hangs", admin_kind::flag},
    {"ms", admin_kind::small},
    {"node_delay_ms", admin_kind::small},
    {"node_looks", admin_kind::count},
    {"nodes", admin_kind::small},
    {"offset", admin_kind::count},
    {"on", admin_kind::word, false, route_words},
    {"partition", admin_kind::small},
    {"partitions", admin_kind::small},
    {"partitions_after_ms", admin_kind::small},
    {"reads", admin_kind::count},
    {"requests", admin_kind::count},
    {"retry_after", admin_kind::small},
    {"route", admin_kind::word, false, route_words},
    {"secret", admin_kind::text},
    {"silent_next_offset", admin_kind::word, true, next_offset_words},
    {"status", admin_kind::small},
    {"status_needs_token", admin_kind::flag},
    {"text", admin_kind::text},
    {"times", admin_kind::count},
    {"timestamp", admin_kind::time, true},
    {"topic", admin_kind::text},
    {"total", admin_kind::small},
    {"value", admin_kind::any},
}};

/// The words of a text with blanks between them.
inline std::vector<std::string_view> words_of(std::string_view text)
{
    std::vector<std::string_view> out;
    while (!text.empty()) {
        out.push_back(text.substr(0, text.find(' ')));
        text.remove_prefix(std::min(out.back().size() + 1, text.size()));
    }
    return out;
}

inline std::string with_commas(std::string_view words)
{
    std::string out;
    for (std::string_view const word : words_of(words))
        out += (out.empty() ? "" : ", ") + std::string(word);
    return out;
}

inline admin_member const* find_admin_member(std::string_view name)
{
    auto const* const found = std::ranges::find(admin_members, name, &admin_member::name);
    return found == admin_members.end() ? nullptr : found;
}

/// The members of a body, all of them of their kinds. Their texts are the body's.
class admin_arguments
{
public:
    bool has(std::string_view name) const { return values_.contains(name); }
    /// Whether it is there and no null.
    bool set(std::string_view name) const { return has(name) && raw(name) != "null"; }
    /// Its JSON.
    std::string_view raw(std::string_view name) const { return values_.find(name)->second; }

    bool flag(std::string_view name) const { return raw(name) == "true"; }

    std::string text(std::string_view name) const
    {
        std::string out;
        json_reader in(set(name) ? raw(name) : "\"\"");
        read_text(in, out);
        return out;
    }

    std::int64_t number(std::string_view name, std::int64_t otherwise = 0) const
    {
        std::int64_t out = otherwise;
        if (set(name))
            json_reader(raw(name)).integer(out);
        return out;
    }
    std::size_t count(std::string_view name, std::size_t otherwise = 0) const
    {
        return set(name) ? static_cast<std::size_t>(number(name)) : otherwise;
    }
    std::int32_t small(std::string_view name, std::int32_t otherwise = 0) const
    {
        return static_cast<std::int32_t>(number(name, otherwise));
    }
    std::optional<std::int32_t> optional_small(std::string_view name) const
    {
        return set(name) ? std::optional(small(name)) : std::nullopt;
    }
    milliseconds time(std::string_view name) const { return milliseconds(number(name)); }

    /// What the word stands for.
    template <class Enumeration>
    Enumeration word(std::string_view name) const
    {
        auto const words = words_of(find_admin_member(name)->words);
        auto const at = std::ranges::find(words, text(name)) - words.begin();
        return static_cast<Enumeration>(at);
    }
    template <class Enumeration>
    std::optional<Enumeration> optional_word(std::string_view name) const
    {
        return set(name) ? std::optional(word<Enumeration>(name)) : std::nullopt;
    }

    void add(std::string_view name, std::string_view json) { values_.emplace(name, json); }

private:
    std::map<std::string_view, std::string_view> values_;
};

/// What is wrong with a member's value, or nothing.
inline std::string fault_of(admin_member const& member, std::string_view json)
{
    json_reader in(json);
    json_kind const kind = in.peek();
    if (member.nullable && kind == json_kind::null)
        return {};
    std::string const or_null = member.nullable ? " or null" : "";
    std::int64_t number = 0;
    std::string text;
    switch (member.kind) {
    case admin_kind::any: return {};
    case admin_kind::flag: return kind == json_kind::boolean ? "" : "must be true or false" + or_null;
    case admin_kind::text: return read_text(in, text) ? "" : "must be a string" + or_null;
    case admin_kind::object: return kind == json_kind::object ? "" : "must be an object" + or_null;
    case admin_kind::time: return in.integer(number) ? "" : "must be an integer" + or_null;
    case admin_kind::word:
        if (read_text(in, text))
            for (std::string_view const word : words_of(member.words))
                if (word == text)
                    return {};
        return "must be one of " + with_commas(member.words) + or_null;
    default: break;
    }
    bool const small = member.kind == admin_kind::small;
    std::int64_t const most =
        small ? std::numeric_limits<std::int32_t>::max() : std::numeric_limits<std::int64_t>::max();
    if (in.integer(number) && number >= 0 && number <= most)
        return {};
    return (small ? "must be an integer from 0 to " + std::to_string(most) : "must be an integer from 0") +
           or_null;
}

/// Reads a body, which may be empty: an object with these members, of which those without '?' must be there.
inline result<admin_arguments> read_admin_arguments(std::string_view body, std::string_view members)
{
    admin_arguments out;
    if (body.empty())
        body = "{}";
    if (auto const valid = check_object(body); !valid)
        return valid.error();
    auto const allowed = words_of(members);
    json_reader in(body);
    std::string_view name;
    std::string_view json;
    in.enter_object();
    while (in.next_member(name)) {
        std::string const quoted = excerpt(name) + " ";
        if (std::ranges::none_of(allowed,
                                 [name](auto word) { return word.substr(0, word.find('?')) == name; }))
            return bad_body(quoted + "is not known here" +
                            (members.empty() ? "" : "; known are " + with_commas(members)));
        if (out.has(name))
            return bad_body(quoted + "is given twice");
        in.value(json);
        if (auto const fault = fault_of(*find_admin_member(name), json); !fault.empty())
            return bad_body(quoted + fault);
        out.add(name, json);
    }
    for (std::string_view const word : allowed)
        if (!word.ends_with('?') && !out.has(word))
            return bad_body(std::string(word) + " is missing");
    return out;
}

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
