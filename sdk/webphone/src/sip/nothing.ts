/** Takes the place of parts of JsSIP that a phone never uses. */
export default class {}
