// http_limits: how much of an answer is taken at most.
#ifndef HDIKAFKA_HTTP_LIMITS_HPP
#define HDIKAFKA_HTTP_LIMITS_HPP

#include <hdikafka/version.hpp>

#include <cstddef>

namespace hdikafka::inline v0_1 {

/// The bounds of one HTTP answer. Each has its own error; an answer that is exactly at a bound passes.
/// Setters chain: `http_limits().body(1 << 20).fields(8192)`.
class http_limits
{
public:
    /// The status line without its line end. Default 8 KiB; `errc::status_line_too_long`.
    std::size_t status_line() const noexcept { return status_line_; }
    /// One header or trailer field without its line end. Default 16 KiB; `errc::field_too_long`.
    std::size_t field() const noexcept { return field_; }
    /// All fields of a header, or all trailers, with their line ends. Default 64 KiB;
    /// `errc::fields_too_long`.
    std::size_t fields() const noexcept { return fields_; }
    /// How many fields a header, or the trailers, may have. Default 128; `errc::too_many_fields`.
    std::size_t field_count() const noexcept { return field_count_; }
    /// The body, without chunk framing. Default 16 MiB; `errc::body_too_large`.
    std::size_t body() const noexcept { return body_; }
    /// How many 1xx answers may come before the final one. Default 8; `errc::too_many_interim`.
    std::size_t interim() const noexcept { return interim_; }
    /// The extensions of one chunk. Default 1 KiB; `errc::bad_chunk`.
    std::size_t chunk_extension() const noexcept { return chunk_extension_; }
    /// How deep the JSON of an answer with records may nest: arrays and objects within one another, of which
    /// the list and the record around a value are two, and with an object around the list three. Default 512;
    /// `errc::too_deep`. Deeper values take a byte a level while they are read.
    std::size_t json_depth() const noexcept { return json_depth_; }

    http_limits& status_line(std::size_t bytes) & noexcept { return set(status_line_, bytes); }
    http_limits& field(std::size_t bytes) & noexcept { return set(field_, bytes); }
    http_limits& fields(std::size_t bytes) & noexcept { return set(fields_, bytes); }
    http_limits& field_count(std::size_t count) & noexcept { return set(field_count_, count); }
    http_limits& body(std::size_t bytes) & noexcept { return set(body_, bytes); }
    http_limits& interim(std::size_t count) & noexcept { return set(interim_, count); }
    http_limits& chunk_extension(std::size_t bytes) & noexcept { return set(chunk_extension_, bytes); }
    http_limits& json_depth(std::size_t levels) & noexcept { return set(json_depth_, levels); }

    http_limits status_line(std::size_t bytes) && noexcept { return set(status_line_, bytes); }
    http_limits field(std::size_t bytes) && noexcept { return set(field_, bytes); }
    http_limits fields(std::size_t bytes) && noexcept { return set(fields_, bytes); }
    http_limits field_count(std::size_t count) && noexcept { return set(field_count_, count); }
    http_limits body(std::size_t bytes) && noexcept { return set(body_, bytes); }
    http_limits interim(std::size_t count) && noexcept { return set(interim_, count); }
    http_limits chunk_extension(std::size_t bytes) && noexcept { return set(chunk_extension_, bytes); }
    http_limits json_depth(std::size_t levels) && noexcept { return set(json_depth_, levels); }

private:
    http_limits& set(std::size_t& member, std::size_t value) noexcept
    {
        member = value;
        return *this;
    }

    std::size_t status_line_ = 8 * 1024;
    std::size_t field_ = 16 * 1024;
    std::size_t fields_ = 64 * 1024;
    std::size_t field_count_ = 128;
    std::size_t body_ = 16 * 1024 * 1024;
    std::size_t interim_ = 8;
    std::size_t chunk_extension_ = 1024;
    std::size_t json_depth_ = 512;
};

} // namespace hdikafka::inline v0_1

#endif
