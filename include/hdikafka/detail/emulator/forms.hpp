// The forms of answers that the API leaves open, for the emulator's options to choose from.
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
};

} // namespace hdikafka::inline v0_1

#endif
