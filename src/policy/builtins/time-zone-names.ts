/**
 * Abbreviations of the IANA time zone database that no English locale of ICU gives: zone, offset in
 * hours, abbreviation; `numeric` where the database has no letters though ICU does.
 */
const LINES = `
America/Adak -10 HST
America/Adak -9 HDT
America/Dawson -7 MST
America/Havana -5 CST
America/Havana -4 CDT
America/Hermosillo -7 MST
America/Mazatlan -7 MST
America/Whitehorse -7 MST
Antarctica/Casey 8 numeric
Antarctica/Troll 0 numeric
Asia/Colombo 5.5 numeric
Asia/Hong_Kong 8 HKT
Asia/Jakarta 7 WIB
Asia/Jayapura 9 WIT
Asia/Jerusalem 2 IST
Asia/Jerusalem 3 IDT
Asia/Karachi 5 PKT
Asia/Macau 8 CST
Asia/Makassar 8 WITA
Asia/Manila 8 PST
Asia/Pontianak 7 WIB
Asia/Pyongyang 9 KST
Asia/Seoul 9 KST
Asia/Shanghai 8 CST
Asia/Taipei 8 CST
Asia/Tokyo 9 JST
Cuba -5 CST
Cuba -4 CDT
Eire 1 IST
Etc/GMT 0 GMT
Europe/Dublin 1 IST
Europe/Guernsey 1 BST
Europe/Isle_of_Man 1 BST
Europe/Jersey 1 BST
Europe/Kirov 3 MSK
Europe/Moscow 3 MSK
Europe/Simferopol 3 MSK
Europe/Volgograd 3 MSK
GMT+0 0 GMT
GMT-0 0 GMT
GMT0 0 GMT
Greenwich 0 GMT
Israel 2 IST
Israel 3 IDT
Japan 9 JST
MET 1 MET
MET 2 MEST
PRC 8 CST
Pacific/Guam 10 ChST
Pacific/Midway -11 SST
Pacific/Pago_Pago -11 SST
Pacific/Saipan 10 ChST
ROC 8 CST
ROK 9 KST
W-SU 3 MSK
`;

const names: ReadonlyMap<string, string> = new Map(
  LINES.trim()
    .split("\n")
    .map((line) => {
      const [zone = "", hours = "0", name = ""] = line.split(" ");
      return [`${zone} ${Number(hours) * 3600}`, name];
    }),
);

/** @returns the abbreviation, `numeric`, or undefined where ICU's will do. */
export function listedAbbreviation(zone: string, offsetS: number): string | undefined {
  return names.get(`${zone} ${offsetS}`);
}
