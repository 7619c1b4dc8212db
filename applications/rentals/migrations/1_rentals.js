// What PocketBase holds for a letting agency: two collections with a few records each, and the ids that addresses name.
migrate((db) => {
  const dao = new Dao(db);
  const ofTime = {created: "2026-03-02 09:00:00.000Z", updated: "2026-03-02 09:00:00.000Z"};
  const add = (id, name, schema, records) => {
    dao.saveCollection(new Collection({id, name, type: "base", schema}));
    const collection = dao.findCollectionByNameOrId(name);
    for (const values of records) {
      const record = new Record(collection, values);
      dao.saveRecord(record);
    }
    for (const {id} of records) {
      db.newQuery(`UPDATE ${name} SET created = {:created}, updated = {:updated} WHERE id = {:id}`).bind({...ofTime, id}).execute();
    }
  };
  add("owners000000000", "owners", [
    {name: "name", type: "text", required: true},
    {name: "email", type: "email"},
    {name: "iban", type: "text"},
    {name: "share", type: "number"},
  ], [
    {id: "owner0000000001", name: "Greta Lund", email: "greta@lund.example", iban: "DE02120300000000202051", share: 80},
    {id: "owner0000000002", name: "Ines Faro", email: "ines@faro.example", iban: "FR1420041010050500013M02606", share: 75},
    {id: "owner0000000003", name: "Paul Odell", email: "paul@odell.example", iban: "ES9121000418450200051332", share: 82},
  ]);
  add("bookings0000000", "bookings", [
    {name: "guest", type: "text", required: true},
    {name: "house", type: "text"},
    {name: "nights", type: "number"},
    {name: "price", type: "number"},
    {name: "confirmed", type: "bool"},
    {name: "message", type: "text"},
  ], [
    {id: "booking00000001", guest: "Rosa Weil", house: "Harbour Lofts", nights: 3, price: 420, confirmed: false, message: "We arrive at six."},
    {id: "booking00000002", guest: "Tom Aldous", house: "Mill Cottage", nights: 5, price: 610, confirmed: false, message: "Is there a cot?"},
    {id: "booking00000003", guest: "Luc Moreau", house: "Mill Cottage", nights: 7, price: 880, confirmed: false, message: "We bring a dog."},
  ]);
}, () => {});
