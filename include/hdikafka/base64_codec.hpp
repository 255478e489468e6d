// base64_codec: bytes of any kind as JSON, which holds text alone.
#ifndef HDIKAFKA_BASE64_CODEC_HPP
#define HDIKAFKA_BASE64_CODEC_HPP

#include <hdikafka/detail/base/base64.hpp>
#include <hdikafka/json.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hdikafka::inline v0_1 {

/// Carries binary payloads as strings in base64 (RFC 4648 §4), padded: what is not UTF-8 does not survive in
/// JSON. Both sides name it, nothing is detected:
///
///     hk::record(hk::base64_codec::encode(bytes))
///     std::string bytes = hk::base64_codec::decode(received.value());
///
/// A consumer of another kind sees the string.
class base64_codec
{
public:
    /// The bytes as a JSON string.
    static json encode(std::string_view bytes)
    {
        return json(detail::base64_encode(bytes, detail::base64_form::standard));
    }
    /// The same.
    static json encode(std::span<std::byte const> bytes)
    {
        return encode(std::string_view(reinterpret_cast<char const*>(bytes.data()), bytes.size()));
    }

    /// The bytes that encode() was given. Throws hk::error: errc::wrong_kind when it is no string,
    /// errc::invalid_base64 when the string is not exactly what encode() makes.
    static std::string decode(json_view value)
    {
        std::string const text = value.as_string();
        std::optional<std::string> bytes = detail::base64_decode(text, detail::base64_form::standard);
        if (!bytes)
            throw error(errc::invalid_base64, "the string is not base64 as base64_codec makes it");
        return std::move(*bytes);
    }
};

} // namespace hdikafka::inline v0_1

#endif
