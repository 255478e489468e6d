// The forms of answers that the API leaves open.
#ifndef HDIKAFKA_DETAIL_EMULATOR_FORMS_HPP
#define HDIKAFKA_DETAIL_EMULATOR_FORMS_HPP

#include <hdikafka/version.hpp>

namespace hdikafka::inline v0_1 {

/// The body of the answer to a produce. The API says only that it is a "string".
enum class emulator_produce_answer : unsigned char
{
    text,    ///< A JSON string.
    offsets, ///< `{"offsets":[{"partition":…,"offset":…,"error_code":…,"error":…}…]}`.
    empty,   ///< Nothing.
};

/// The body of the answer to a read: the page's sample and the published description differ.
enum class emulator_consume_answer : unsigned char
{
    object, ///< `{"records":[…]}`, as the sample reads it.
    array,  ///< `[…]`, as the description has it.
};

/// Keys and values in the answer to a read.
enum class emulator_value_form : unsigned char
{
    embedded, ///< The JSON that was produced, byte for byte.
    text,     ///< A string: the produced string, or the text of any other JSON.
};

/// The NextOffset field in the answer to a read.
enum class emulator_next_offset : unsigned char
{
    exact,  ///< Where the next read should start.
    asked,  ///< The offset that was asked for, whatever was returned.
    behind, ///< The offset before that one, whatever was returned; 0 for 0.
    absent, ///< No such field.
    absurd, ///< 9223372036854775807, whatever was returned.
};

/// The leader of a partition that has none, in metadata.
enum class emulator_leaderless : unsigned char
{
    null_leader, ///< `"leader":null`.
    no_member,   ///< No such member.
    negative_id, ///< A broker without a name, with the id -1.
};

/// The offsets of a partition without a leader, in metadata.
enum class emulator_leaderless_offsets : unsigned char
{
    negative, ///< -1, both.
    absent,   ///< No such members.
    kept,     ///< What they are.
};

} // namespace hdikafka::inline v0_1

#endif
