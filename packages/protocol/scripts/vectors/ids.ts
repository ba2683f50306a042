// Vectors of ids.

const good = [
  { random: "00000000000000000000000000000000", id: "aaaaaaaaaaaaaaaaaaaaaaaaaa" },
  { random: "ffffffffffffffffffffffffffffffff", id: "77777777777777777777777774" },
  { random: "00000000000000000000000000000001", id: "aaaaaaaaaaaaaaaaaaaaaaaaae" },
  { random: "80000000000000000000000000000000", id: "qaaaaaaaaaaaaaaaaaaaaaaaaa" },
  { random: "000102030405060708090a0b0c0d0e0f", id: "aaaqeayeaudaocajbifqydiob4" },
];

const bad = [
  { text: "", why: "empty" },
  { text: "aaaaaaaaaaaaaaaaaaaaaaaaa", why: "25 characters" },
  { text: "aaaaaaaaaaaaaaaaaaaaaaaaaaa", why: "27 characters" },
  { text: "aaaaaaaaaaaaaaaaaaaaaaaaab", why: "the last character carries bits that no id has" },
  { text: "AAAAAAAAAAAAAAAAAAAAAAAAAA", why: "upper case" },
  { text: "aaaaaaaaaaaaaaaaaaaaaaaa1a", why: "1 is not in the alphabet" },
  { text: "aaaaaaaaaaaaaaaaaaaaaaaaaa\n", why: "ends with a line feed" },
  { text: "aaaaaaaaaaaaaaaaaaaaaaaaaa======", why: "padding" },
  { text: "../../etc/passwd/aaaaaaaaa", why: "a path" },
];

export const ids: object = {
  about: "128 random bits (hex) as an id: RFC 4648 base32, lower case, without padding.",
  good,
  bad,
};
